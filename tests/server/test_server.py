"""The process itself: how it starts, fails to start, and stops."""

import gzip
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from app.main import create_app
from app.server.server import make_server, metrics_apart, serve
from app.settings import Settings
from benchmarks.process import family

COMMAND = Path(sys.executable).with_name("denoiser")


class Process:
    """`denoiser serve` on a free port, its log kept."""

    def __init__(self, log, *flags):
        self.log = log
        with log.open("wb") as file:
            self.popen = subprocess.Popen(
                [COMMAND, "serve", "--port=0", "--log-format=json", "--model=blur", *flags],
                stderr=file,
            )

    def wait_for(self, pattern, seconds=60):
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.log.read_text())):
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.popen.poll() is None, self.log.read_text()
            time.sleep(0.05)
        return match

    def connect(self):
        port = int(self.wait_for(r"running on http://127\.0\.0\.1:(\d+)")[1])
        return http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def read(self, path):
        connection = self.connect()
        connection.request("GET", path)
        with connection.getresponse() as response:
            status, headers, body = response.status, response.headers, response.read()
        connection.close()
        return status, headers, body

    def get(self, path):
        status, headers, body = self.read(path)
        return status, headers, json.loads(body)


@pytest.fixture
def start(tmp_path, models):
    """Starts the service as a process of its own, with the model `blur`."""

    @contextmanager
    def serve(*flags):
        log = tmp_path / f"{len(list(tmp_path.glob('*.log')))}.log"
        process = Process(log, f"--models-dir={models}", *flags)
        try:
            yield process
        finally:
            process.popen.kill()
            process.popen.wait()

    return serve


@pytest.fixture
def png():
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    return file.getvalue()


def begin_upload(connection, data):
    """Sends the head of a request and half of its body."""
    connection.putrequest("POST", "/noise")
    connection.putheader("Content-Type", "image/png")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders()
    connection.send(data[: len(data) // 2])


def test_it_lives_at_once_gets_ready_and_drains(start, png):
    with start() as process:
        assert process.get("/health/live")[0] == 200
        process.wait_for("model blur is loaded and warm")
        assert process.get("/health/ready")[0] == 200

        in_flight = process.connect()
        begin_upload(in_flight, png)
        while b"denoiser_held_bytes 0.0" in process.read("/metrics")[2]:
            time.sleep(0.01)
        process.popen.send_signal(signal.SIGTERM)
        process.wait_for(r"draining: \d images in progress")
        status, headers, problem = process.get("/health/ready")
        assert (status, problem["code"]) == (503, "draining")
        assert headers["Retry-After"].isdigit()
        refused = process.connect()
        refused.request("POST", "/noise", png, {"Content-Type": "image/png"})
        assert refused.getresponse().status == 503
        refused.close()

        in_flight.send(png[len(png) // 2 :])
        response = in_flight.getresponse()
        body = response.read()
        assert (response.status, body[:4]) == (200, b"\x89PNG"), body
        in_flight.close()
        assert process.popen.wait(30) == 0


def test_a_closed_terminal_drains_it_too(start):
    with start() as process:
        assert process.get("/health/live")[0] == 200
        process.popen.send_signal(signal.SIGHUP)
        assert process.popen.wait(60) == 0
        assert "draining: 0 images in progress" in process.log.read_text()


def test_a_signal_that_comes_to_the_deepest_process_alone_drains_it_too(start, png):
    with start() as process:
        process.wait_for("model blur is loaded and warm")
        connection = process.connect()
        connection.request("POST", "/noise", png, {"Content-Type": "image/png"})
        assert connection.getresponse().status == 200
        connection.close()
        *_, deepest = family(process.popen.pid)
        assert deepest != process.popen.pid
        os.kill(deepest, signal.SIGTERM)
        assert process.popen.wait(60) == 0
        assert "draining: 0 images in progress" in process.log.read_text()


def test_a_misspelt_variable_ends_the_start(monkeypatch, start):
    monkeypatch.setenv("DENOISER_API_KEY", "secret")
    with start() as process:
        assert process.popen.wait(60) == 2
        log = process.log.read_text()
    assert log.endswith(
        "error: DENOISER_API_KEY is not a setting; did you mean DENOISER_API_KEYS?\n"
    )


def test_a_log_that_nobody_reads_stops_nobody(models):
    """More lines than the pipe and the queue hold; how many were lost is said in the end."""
    command = [str(COMMAND), "serve", "--port=0", "--log-format=json", "--model=blur"]
    command.append(f"--models-dir={models}")
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr
        said = b""
        while b"is loaded and warm" not in said:  # TensorFlow's own words go past our queue
            said += process.stderr.readline()
        (port,) = re.findall(rb"http://127.0.0.1:(\d+)", said)
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        for _ in range(1600):
            connection.request("GET", f"/{'x' * 200}")
            assert connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGTERM)
        lines = process.stderr.read().splitlines()
        assert process.wait(60) == 0
    (told,) = [json.loads(line) for line in lines if b"log lines were lost" in line]
    assert told["lost"] > 0


FORGED = "level=critical the models are gone"


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_caller_can_write_lines_of_the_log(start, style):
    with start(f"--log-format={style}", "--log-level=debug") as process:
        connection = process.connect()
        for name in ("X-Request-ID", "X-Forwarded-For", "User-Agent", "Authorization"):
            connection.putrequest("GET", f"/%0d%0a{FORGED.replace(' ', '%20')}%1b%5b31m")
            connection.putheader(name, FORGED)
            connection.endheaders()
            assert connection.getresponse().read()
        connection.close()
        with socket.create_connection((connection.host, connection.port), 30) as raw:
            raw.sendall(f"GET / HTTP/1.1\r\nX-Request-ID: a\n{FORGED}\r\n{FORGED}\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
        process.wait_for("request refused")
        log = process.log.read_text()
    assert "\x1b[31m" not in log
    assert FORGED not in log
    if style == "json":
        own = [line for line in log.splitlines() if '"logger": "app.' in line]
        assert len(own) >= 5
        assert all(json.loads(line)["event"] for line in own)


def test_a_model_that_cannot_be_served_ends_the_process(start, make_package):
    folder = make_package(sha256="0" * 64)
    with start(f"--models-dir={folder.parent}") as process:
        assert process.popen.wait(60) == 1
        (line,) = [line for line in process.log.read_text().splitlines() if "critical" in line]
        assert "SHA-256" in json.loads(line)["event"]
        assert "Traceback" not in process.log.read_text()


@pytest.fixture
def run(models):
    """Runs the server in a thread, without models; stands in for the signals, too."""
    started = []

    def serve(**settings):
        app = create_app(Settings(models_dir=models, model="blur", port=0, **settings))
        server = make_server(app)
        server.config.lifespan = "off"
        thread = threading.Thread(target=server.run)
        thread.start()
        started.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        return server, thread, http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    yield serve
    for server, thread in started:
        server.should_exit = True
        thread.join()


def test_with_nothing_in_flight_it_stops_at_once(run):
    server, thread, _ = run(drain_seconds=600)
    server.handle_exit(signal.SIGTERM, None)
    thread.join(10)
    assert not thread.is_alive()


def test_who_asks_on_and_on_does_not_hold_up_the_drain(run):
    server, thread, connection = run(drain_seconds=600)

    def ask():
        with suppress(OSError, http.client.HTTPException):
            while True:
                connection.request("GET", "/health/live")
                connection.getresponse().read()

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.1)
    server.handle_exit(signal.SIGTERM, None)
    thread.join(10)
    assert not thread.is_alive()
    asking.join(10)
    connection.close()


def test_what_outlasts_the_drain_is_cut_off_with_an_answer(run, png):
    server, thread, connection = run(drain_seconds=0.2)
    begin_upload(connection, png)
    while not server.server_state.tasks:
        time.sleep(0.01)
    server.handle_exit(signal.SIGTERM, None)
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (503, "draining")
    connection.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_second_signal_does_not_wait(run, png):
    server, thread, connection = run(drain_seconds=600)
    begin_upload(connection, png)
    while not server.server_state.tasks:
        time.sleep(0.01)
    for _ in range(2):
        server.handle_exit(signal.SIGINT, None)
    thread.join(10)
    assert not thread.is_alive()
    connection.close()


def test_a_port_that_is_taken_ends_the_process(models):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as end:
            serve(Settings(models_dir=models, model="blur", port=port))
    assert end.value.code != 0


def test_the_exit_code_tells_of_a_failure(models):
    assert serve(Settings(models_dir=models, model="absent", port=0)) == 1


def test_the_metrics_may_have_a_port_of_their_own(models, free_port, monkeypatch):
    monkeypatch.setattr("app.api.middleware.body.LINGER_SECONDS", 0.1)
    port = free_port
    settings = Settings(
        models_dir=models, model="blur", metrics=False, metrics_port=port, head_seconds=0.5
    )
    registry = create_app(settings).state.service.metrics.registry
    with metrics_apart(settings, registry):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for accept in ("*/*", "text/plain;version=latest", "text/html, \xff"):
            connection.request("GET", "/metrics", headers={"Accept": accept})
            response = connection.getresponse()
            assert (response.status, b"denoiser_ready 0.0" in response.read()) == (200, True)
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"denoiser_ready 0.0" in gzip.decompress(response.read())
        connection.close()
        with pytest.raises(SystemExit), metrics_apart(settings, registry):
            pass
        with socket.create_connection(("127.0.0.1", port), 30) as silent:
            silent.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
            assert silent.recv(100).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection(("127.0.0.1", port), 30) as endless:
            endless.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            assert endless.recv(100).startswith(b"HTTP/1.1 413 ")
            with pytest.raises(ConnectionError):  # a reset or a broken pipe, and no timeout
                endless.sendall(bytes(1_000_000_000))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
