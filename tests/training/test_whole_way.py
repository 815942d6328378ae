"""From a folder of pictures to the service, through a kill -9."""

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from training.log import read_log


def start(*arguments):
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


@contextmanager
def serving(models, name, port):
    """The address of the service, once it is ready."""
    command = Path(sys.executable).with_name("denoiser")
    settings = (f"--port={port}", f"--models-dir={models}", f"--model={name}")
    process = subprocess.Popen([command, "serve", *settings], stderr=subprocess.DEVNULL)
    try:
        while not ready(f"http://127.0.0.1:{port}/health/ready"):
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def ready(address):
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.timeout(300)
def test_a_killed_run_resumes_and_what_it_comes_to_is_served(
    tmp_path, pictures, experiment, free_port
):
    run, steps = tmp_path / "run", 20
    train = ["train", experiment(steps=steps), "--data", pictures, "--run", run, "--resume"]
    process = start(*train)
    while not (run / "last.npz").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with np.load(run / "last.npz") as state:
        done = int(state["epoch"])
    assert 1 <= done < steps / 2

    output = finish(start(*train))
    rows = read_log(run / "log.csv")
    assert f"epoch {done - 1} " not in output
    assert f"epoch {done} " in output
    assert [row["step"] for row in rows] == [2 * (epoch + 1) for epoch in range(10)]
    assert not list(run.glob(".part-*"))

    finish(start("package", run, "--name", "tiny", "--models", tmp_path / "models"))
    upload = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(upload, "PNG")
    with serving(tmp_path / "models", "tiny", free_port) as address:
        answer = httpx.post(f"{address}/denoise", files={"image": upload.getvalue()}, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["X-Model"] == "tiny"
    assert Image.open(io.BytesIO(answer.content)).size == (30, 20)
