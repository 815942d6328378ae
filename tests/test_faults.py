"""Faults beneath the service, injected, and what a caller sees of them over a socket."""

import ast
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.main import create_app
from app.sandbox.budget import Budget, Need
from app.sandbox.faults import Cause, WorkerLost
from app.server.server import serve
from app.settings import PROJECT, Settings
from tests.api.conftest import application, image_file, listen, listening, wait_until
from tests.fidelity.files import by_tifffile
from tests.sandbox.conftest import workers

__all__ = ["application", "listen"]

PICTURE = {"image": image_file()}


class Network:
    """A forward pass that returns its input, or raises a given error."""

    def __init__(self):
        self.errors = []
        self.always = None

    def __call__(self, tiles):
        if self.always or self.errors:
            raise self.always or self.errors.pop()
        return tiles


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def client(application, network, monkeypatch):
    monkeypatch.setattr("app.service.models.PROBE_SECONDS", 0.05)
    with listening(application(network)) as client:
        wait_until(lambda: is_ready(client))
        yield client


def answer(client, path="/denoise"):
    """The status and, of a problem, its code."""
    response = client.post(path, files=PICTURE)
    return response.status_code, None if response.is_success else response.json()["code"]


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("a secret"), 500), (MemoryError("a secret"), 503)]
)
def test_the_network_fails_once(client, network, error, status):
    network.errors = [error]
    response = client.post("/denoise", files=PICTURE)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
    assert client.get("/health/ready").status_code == 200
    assert answer(client) == (200, None)


def test_the_network_goes_on_failing_until_it_works_again(client, network, caplog):
    network.always = MemoryError("no memory")
    for _ in range(3):
        assert answer(client) == (503, "no-memory")
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "failing")
    assert int(ready.headers["retry-after"]) > 0
    assert "denoiser_ready 0.0" in client.get("/metrics").text
    assert answer(client) == (503, "failing")
    assert answer(client, "/noise") == (200, None)
    assert client.get("/health/live").status_code == 200
    wait_until(lambda: "model blur fails: no memory" in caplog.text)
    network.always = None
    wait_until(lambda: client.get("/health/ready").status_code == 200)
    assert answer(client) == (200, None)


def test_three_pictures_that_fail_do_not_keep_the_others_waiting(client, network):
    network.errors = [RuntimeError("this picture")] * 3
    for _ in range(3):
        assert answer(client) == (500, "internal-error")
    wait_until(lambda: client.get("/health/ready").status_code == 200, seconds=10)


def test_the_inference_thread_dies(application, network):
    app = application(network)
    with listening(app) as client:
        wait_until(lambda: is_ready(client))
        network.always = SystemExit(3)
        assert answer(client) == (500, "internal-error")
        wait_until(lambda: has_stopped(client))
    assert isinstance(app.state.service.models.failure, SystemExit)


def has_stopped(client):
    try:
        assert client.get("/health/ready").status_code == 503
    except httpx.TransportError:
        return True
    return False


class Load:
    """Clients that post to /noise without end, and what they were answered."""

    def __init__(self, client, count):
        self.answers = []
        self._url, self._over = client.base_url, threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(count)]

    def _post(self):
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._over.is_set():
                self.answers.append(answer(client, "/noise"))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self):
        return [each for each in self.answers if each != (200, None)]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_workers_that_are_killed_or_stopped_under_load_cost_a_request_each(models, sign):
    app = create_app(Settings(models_dir=models, model="blur"))
    app.state.service.sandbox.patience = 2
    with listening(app, lifespan="off") as client:
        assert answer(client, "/noise") == (200, None)
        hit = 0
        with Load(client, 8) as load:
            while hit < 5:
                time.sleep(0.1)
                for pid in workers()[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, sign)
                        hit += 1
            done = len(load.answers)
            wait_until(lambda: len(load.answers) > done + 20)
        assert len(load.failed) <= hit
        assert set(load.failed) <= {(503, "worker-lost")}
        assert answer(client, "/noise") == (200, None)
        causes = re.findall(r'losses_total{cause="(\w+)"} ([1-9])', client.get("/metrics").text)
    assert {cause for cause, _ in causes} <= {"killed", "stuck"}


SLOW = {"image": image_file(2500, 2500)}
"""Takes a worker half a second and more."""


@pytest.mark.parametrize(
    ("sign", "result"),
    [(signal.SIGKILL, (503, "worker-lost")), (signal.SIGXCPU, (413, "needs-too-much-time"))],
)
def test_what_the_end_of_a_worker_is_to_its_caller(models, sign, result):
    both = {"reference": image_file(), "image": image_file()}
    app = create_app(Settings(models_dir=models, model="blur", codec_processes=1))
    with listening(app, lifespan="off") as client, ThreadPoolExecutor(1) as thread:
        assert answer(client, "/noise") == (200, None)
        (idle,) = app.state.service.sandbox._idle
        os.kill(idle.link.pid, signal.SIGSTOP)  # lest it be done before it is to end
        asked = thread.submit(client.post, "/compare", files=both)
        wait_until(lambda: idle.link.busy)
        os.kill(idle.link.pid, sign)
        if sign != signal.SIGKILL:  # which ends a stopped process, too
            os.kill(idle.link.pid, signal.SIGCONT)
        response = asked.result()
        assert (response.status_code, response.json()["code"]) == result
        assert answer(client, "/noise") == (200, None)


def test_a_file_that_ends_its_decoder_cannot_be_read(listen, monkeypatch):
    async def crash(*_, **__):
        raise WorkerLost(Cause.CRASHED, "SIGSEGV")

    monkeypatch.setattr("app.sandbox.remote.Remote.open", crash)
    with listen() as client:
        assert answer(client, "/noise") == (400, "unreadable-image")


def test_an_image_that_needs_more_memory_than_it_justifies_will_never_fit(listen, monkeypatch):
    monkeypatch.setattr(Need, "decoding", Budget(1 << 20, 60))
    with listen() as client:
        for path in ("/noise", "/compare"):
            fields = ("image",) if path == "/noise" else ("reference", "image")
            response = client.post(path, files=dict.fromkeys(fields, SLOW["image"]))
            assert (response.status_code, response.json()["code"]) == (413, "needs-too-much-memory")
            assert "retry-after" not in response.headers


@pytest.fixture
def processes():
    """Those that a test has started, killed at its end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_nothing_is_written_to_a_disk(models, free_port, processes, tmp_path):
    command = [str(Path(sys.executable).with_name("denoiser")), "serve", f"--port={free_port}"]
    command += [f"--models-dir={models}", "--model=blur", "--log-level=error"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, env=environment)
    processes.append(process)
    large = image_file(2000, 1000)  # beyond what a spool would keep in memory
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=60) as client:
        wait_until(lambda: is_ready(client))
        before = written(process.pid)
        kind_of_its_own = by_tifffile(np.zeros((9, 12), np.float32))
        for picture in (large, kind_of_its_own):
            for path in ("/denoise", "/noise"):
                assert client.post(path, files={"image": picture}).status_code == 200
        both = {"reference": large, "image": large}
        assert client.post("/compare", files=both).json()["rmse"] == 0
        assert written(process.pid) - before < BOOKKEEPING
    assert list(tmp_path.iterdir()) == []


BOOKKEEPING = 1 << 17
"""Bytes, a fiftieth of the picture: a file system notes when a file was last read."""


def written(pid):
    """Bytes that a process has had written to a disk so far; shared memory is none."""
    (line,) = re.findall(r"^write_bytes: .*", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    return int(line.split()[1])


def is_ready(client):
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_the_clock_jumps(application, network, monkeypatch):
    days = itertools.cycle([0, 400, -400, 1])
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 86_400 * next(days))
    with listening(application(network, rate_per_minute=8)) as client:
        wait_until(lambda: is_ready(client))
        for _ in range(8):
            response = client.post("/denoise", files=PICTURE)
            assert response.status_code == 200
            times = re.findall(r"dur=(-?[0-9.]+)", response.headers["server-timing"])
            assert all(0 <= float(milliseconds) < 60_000 for milliseconds in times)
        assert answer(client) == (429, "rate-limited")


def test_no_code_asks_the_clock_on_the_wall():
    told = PROJECT / "app" / "bulk" / "rows.py"  # when each picture of a run was done
    for path in {*(PROJECT / "app").rglob("*.py")} - {told}:
        for node in ast.walk(ast.parse(path.read_text())):
            assert ast.unparse(node) not in ("time.time", "datetime.now"), path


def no_file(folder):
    (folder / "model.keras").unlink()


def another_file(folder):
    (folder / "model.keras").write_bytes(b"rubbish")


def half_a_card(folder):
    text = (folder / "card.json").read_text()
    (folder / "card.json").write_text(text[: len(text) // 2])


def no_model_though_the_card_says_so(folder):
    another_file(folder)
    card = json.loads((folder / "card.json").read_text())
    card |= {"sha256": hashlib.sha256(b"rubbish").hexdigest(), "bytes": len(b"rubbish")}
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_file, "No such file or directory: "),
        (another_file, "SHA-256 is "),
        (half_a_card, "card.json: the card: Invalid JSON"),
        (no_model_though_the_card_says_so, "model.keras cannot be loaded: "),
        (shutil.rmtree, "no model packages in "),
    ],
)
def test_models_that_cannot_be_served(make_package, damage, words, free_port, caplog):
    folder = make_package()
    damage(folder)
    statuses, stopped = set(), threading.Event()

    def ask():
        while not stopped.is_set():
            with suppress(httpx.TransportError):
                statuses.add(httpx.get(f"http://127.0.0.1:{free_port}/health/ready").status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    code = serve(Settings(models_dir=folder.parent, model="blur", port=free_port))
    stopped.set()
    asking.join()
    assert code == 1
    assert statuses <= {503}
    (record,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert words in record.getMessage()
    assert record.exc_info is None
