"""Several processes behind one socket: the parent is this process, and its workers are real."""

import http.client
import io
import json
import logging
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from app.server.workers import devices, serve, threads_each
from app.settings import Settings
from benchmarks.process import family

EVENTS = {"Accept": "text/event-stream"}
COMMAND = Path(sys.executable).with_name("denoiser")


class Caller(threading.Thread):
    """Calls the service that the main thread runs meanwhile; `act` ends with a signal to it."""

    def __init__(self, log, act):
        super().__init__()
        self.log, self.act, self.error = log, act, None

    def run(self):
        try:
            port = int(self.wait_for(r"running on http://127\.0\.0\.1:(\d+)")[1])
            self.act(self, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=60))
        except BaseException as error:
            self.error = error
            os.kill(os.getpid(), signal.SIGTERM)

    def wait_for(self, pattern, seconds=90):
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.log.text)):
            assert time.monotonic() < deadline, self.log.text
            time.sleep(0.02)
        return match


@pytest.fixture
def serve_while(models, caplog):
    """Serves with two workers until the function that is given has been run beside it."""

    def run(act, **settings):
        caplog.set_level(logging.INFO)
        given = {"models_dir": models, "model": "blur", "port": 0, "workers": 2, "threads": 1}
        caller = Caller(caplog, act)
        # A signal that comes when the service has ended must not end the tests.
        before = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTERM, signal.SIGINT)}
        caller.start()
        try:
            code = serve(Settings(**given | settings))
        finally:
            caller.join()
            for number, handler in before.items():
                signal.signal(number, handler)
        if caller.error:
            raise caller.error
        return code

    return run


def read(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def samples(connect):
    status, content = read(connect(), "GET", "/metrics")
    assert status == 200
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in content.decode().splitlines())
        if not name.startswith("#")
    }


def wait_for_workers(connect, count, seconds=90):
    deadline = time.monotonic() + seconds
    while samples(connect).get("denoiser_ready") != count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def workers():
    return [p for p in multiprocessing.active_children() if p.name.startswith("worker-")]


def find_a_job(connect, picture):
    """Whichever worker is asked for it."""
    headers = {"Content-Type": "image/png"}
    status, content = read(connect(), "POST", "/jobs", picture, headers)
    job = f"/jobs/{json.loads(content)['id']}"
    assert status == 202
    asked = [read(connect(), "GET", job, headers=EVENTS) for _ in range(6)]
    assert {status for status, _ in asked} == {200}
    assert all(b'"state":"done"' in events for _, events in asked)
    results = [read(connect(), "GET", f"{job}/result") for _ in range(6)]
    assert {(status, content[:4]) for status, content in results} == {(200, b"\x89PNG")}
    assert read(connect(), "DELETE", job) == (204, b"")
    for gone in (job, "/jobs/7-nobody"):
        status, content = read(connect(), "GET", gone)
        assert (status, json.loads(content)["code"]) == (404, "unknown-job")


def test_they_serve_as_one_are_replaced_and_drain_together(serve_while):
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    png, headers = file.getvalue(), {"Content-Type": "image/png"}
    served = 'denoiser_requests_total{method="POST",route="/denoise",status="200"}'
    tiles = 'denoiser_tiles_total{model="blur"}'

    def act(caller, connect):
        wait_for_workers(connect, 2)
        for _ in range(6):
            assert read(connect(), "POST", "/denoise", png, headers)[0] == 200
        while samples(connect).get(served) != 6:  # counted once an answer has gone out
            time.sleep(0.05)
        assert len(workers()) == 2

        find_a_job(connect, png)
        while samples(connect)[tiles] < 7:  # each worker tells the others once a second
            time.sleep(0.05)

        gone = workers()[0].pid
        os.kill(gone, signal.SIGKILL)
        caller.wait_for(r"worker \d died \(-9\); starting it in 1 s")
        assert samples(connect)["denoiser_ready"] == 1
        for _ in range(6):  # the other one serves all the while
            assert read(connect(), "POST", "/denoise", png, headers)[0] == 200
        wait_for_workers(connect, 2)
        assert gone not in {process.pid for process in workers()}
        while (found := samples(connect))[tiles] < 13 or found[served] < 12:
            time.sleep(0.05)
        assert (found[served], found[tiles]) == (12, 13)
        assert not any(name.startswith("process_") for name in found)

        in_flight = connect()
        in_flight.putrequest("POST", "/denoise")
        in_flight.putheader("Content-Type", "image/png")
        in_flight.putheader("Content-Length", str(len(png)))
        in_flight.endheaders(png[:100])
        while samples(connect)["denoiser_held_bytes"] == 0:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
        in_flight.send(png[100:])
        response = in_flight.getresponse()
        body = response.read()
        assert (response.status, body[:4]) == (200, b"\x89PNG"), body
        in_flight.close()

    assert serve_while(act) == 0
    assert not workers()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_a_second_signal_does_not_wait(serve_while):
    def act(caller, connect):
        slow = connect()
        slow.putrequest("POST", "/noise")
        slow.putheader("Content-Type", "image/png")
        slow.putheader("Content-Length", "1000")
        slow.endheaders(b"\x89PNG")
        while samples(connect)["denoiser_held_bytes"] == 0:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        assert workers()
        os.kill(os.getpid(), signal.SIGINT)
        slow.close()

    began = time.monotonic()
    assert serve_while(act, drain_seconds=600) == 0
    assert time.monotonic() - began < 60


def test_their_metrics_add_up_on_a_port_of_their_own_and_a_signal_to_the_deepest_stops_all(
    serve_while, free_port
):
    def act(caller, connect):
        wait_for_workers(lambda: http.client.HTTPConnection("127.0.0.1", free_port, timeout=60), 2)
        assert read(connect(), "GET", "/metrics")[0] == 404
        while len(processes := family(workers()[0].pid)) < 3:  # one that decodes is the last
            time.sleep(0.05)
        os.kill(processes[-1], signal.SIGTERM)  # some runners signal that alone, and mean all

    assert serve_while(act, metrics=False, metrics_port=free_port) == 0


def test_a_file_that_a_worker_was_killed_over_spoils_no_metrics(serve_while, free_port):
    def act(caller, connect):
        for kind in ("counter", "histogram", "gauge_livesum"):
            Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"{kind}_1.db").touch()
        wait_for_workers(connect, 2)
        wait_for_workers(lambda: http.client.HTTPConnection("127.0.0.1", free_port, timeout=60), 2)
        os.kill(os.getpid(), signal.SIGTERM)

    assert serve_while(act, metrics_port=free_port) == 0


def test_where_no_worker_can_serve_the_exit_code_tells(make_package, caplog):
    folder = make_package(sha256="0" * 64).parent
    assert serve(Settings(models_dir=folder, model="blur", port=0, workers=2)) == 1
    assert "cannot serve" in caplog.text
    assert not workers()


def test_where_the_port_is_taken_the_log_names_it(models, caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit):
            serve(Settings(models_dir=models, model="blur", port=port, workers=2))
    assert f"127.0.0.1, port {port}" in caplog.text
    assert "in use" in caplog.text


def test_without_their_parent_they_end(tmp_path, models):
    log = tmp_path / "log"
    flags = ("--port=0", "--workers=2", "--model=blur", f"--models-dir={models}")
    with log.open("wb") as file:
        parent = subprocess.Popen([COMMAND, "serve", *flags, "--log-format=json"], stderr=file)
    deadline = time.monotonic() + 90
    while len(pids := re.findall(r"Started server process \[(\d+)\]", log.read_text())) < 2:
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_threads_are_divided(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))
    assert threads_each(Settings(workers=3)) == 2
    assert threads_each(Settings(workers=16)) == 1
    assert threads_each(Settings(workers=3, threads=5)) == 5


@pytest.mark.parametrize(
    ("named", "found"), [("", []), ("2", ["2"]), ("0,3,GPU-1a", ["0", "3", "GPU-1a"])]
)
def test_the_gpus_are_those_that_are_visible(monkeypatch, named, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert devices() == found
