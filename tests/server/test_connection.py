"""What one connection may do to the service, tried over sockets by clients that misbehave."""

import asyncio
import gc
import hashlib
import inspect
import io
import json
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager
from importlib.metadata import version
from itertools import pairwise
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from PIL import Image
from uvicorn import server as uvicorn_server
from uvicorn.protocols.http import flow_control, httptools_impl

from app.main import create_app
from app.server.connection import MAX_AHEAD, SLICE, TURN_SECONDS, UVICORN, Connection
from app.server.server import make_server
from app.settings import Settings

STALL = 0.05
"""Seconds of its processor that one connection may take from all others at a time."""
WRITTEN_AGAINST = "1df4030688a78142a92f680a402f8ff8f7382c32a20917499bf310d2f73ba31f"
"""The SHA-256 of uvicorn's modules whose classes are extended or used."""


@pytest.fixture(scope="module", autouse=True)
def _settled():
    """No long garbage collections, as in the service once its models are loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def serve(tmp_path):
    """Serves on a free port, without models, and yields (address, application, event loop)."""
    running = []

    def start(change=lambda app: None, **settings):
        app = create_app(Settings(models_dir=tmp_path, port=0, **settings))
        change(app)
        server = make_server(app)
        server.config.lifespan = "off"
        loops = []

        async def run():
            loops.append(asyncio.get_running_loop())
            await server.serve()

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        running.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return server.servers[0].sockets[0].getsockname(), app, loops[0]

    yield start
    for server, thread in running:
        server.should_exit = server.force_exit = True
        thread.join()


@contextmanager
def watched(loop):
    """Collects the seconds of processor time between two turns of the event loop, longest first."""
    turns, stop = [0.0], threading.Event()

    async def watch():
        before = time.thread_time()
        while not stop.is_set():
            await asyncio.sleep(0)
            now = time.thread_time()
            turns.append(now - before)
            before = now

    future = asyncio.run_coroutine_threadsafe(watch(), loop)
    yield turns
    stop.set()
    future.result(20)
    turns.sort(reverse=True)


def read_all(connection):
    data = b""
    while received := connection.recv(1 << 16):
        data += received
    return data


def send_all(connection, data):
    """Sends until the service hangs up."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


HEAD = b"POST /noise HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
FORM = b"POST /noise HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"


def form(body, head=FORM):
    return head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def png(side=20):
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "PNG")
    return file.getvalue()


def picture(side=20, head=HEAD):
    return head + b"Content-Length: %d\r\n\r\n" % len(png(side)) + png(side)


@pytest.mark.parametrize("size", [1, SLICE, 1 << 20])
def test_a_body_of_a_declared_length_ends_there_however_it_comes(serve, size):
    data, pieces = bytes(range(256)) * 8192, []

    async def take(scope, receive, send):
        more = True
        while more:
            message = await receive()
            pieces.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % sum(map(len, pieces))})

    address, _, _ = serve(lambda app: app.mount("/taken", take))
    head = b"POST /taken/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(data)
    first, rest = data[:-3], data[-3:]
    with socket.create_connection(address, 20) as connection:
        connection.sendall(head + b"\r\n" + first[:size])
        connection.sendall(first[size:])
        connection.sendall(rest + picture())  # the next request, in the same packet
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert b"".join(pieces) == data


@pytest.mark.parametrize(
    "trailers", [b"a:b\r\n" * 400_000, b"a: " + b"b" * 2_000_000, b"a:b\r\n" * 4000 + b"c"]
)
def test_trailers_count_as_a_head(serve, trailers):
    address, _, loop = serve(max_head_bytes=16_000)
    with socket.create_connection(address, 20) as connection, watched(loop) as turns:
        connection.sendall(CHUNKED)
        send_all(connection, trailers)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
    assert turns[0] < STALL


def test_trailers_below_the_limit_are_no_part_of_the_request(serve):
    address, _, _ = serve(max_head_bytes=16_000)
    data = png()
    body = b"%x\r\n%b\r\n0\r\n" % (len(data), data) + b"Content-Type: text/html\r\n" * 300
    with socket.create_connection(address, 20) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_an_endless_extension_of_a_chunk_counts_too(serve):
    address, _, _ = serve(max_head_bytes=16_000)
    with socket.create_connection(address, 20) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;")
        send_all(connection, b"a" * 2_000_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
STALLS = {
    "many requests": GET + b"\r\n" + (GET + b"\r\n") * 2000,
    "tiny chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 300_000,
    "many headers": GET + b"a:b\r\n" * 6000 + b"Connection: close\r\n\r\n",
    "long query": picture(head=HEAD.replace(b"/noise", b"/noise?" + b"a&" * 16_000)),
    "fields": picture(
        head=HEAD.replace(b"/noise", b"/noise?" + b"".join(b"%x=&" % n for n in range(5000)))
    ),
    "200,000 parts": form(
        b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n' * 200_000
    ),
    "part headers": form(b"--b\r\n" + b"a:b\r\n" * 200_000),
    "one part header": form(b"--b\r\na: " + b"b" * 1_000_000),
    "prologue": form(b"\r\n" * 500_000),
    "quotes": form(b"", FORM.replace(b"boundary=b", b';a="' * 7000 + b"; boundary=b")),
}


@pytest.mark.parametrize("name", STALLS)
def test_no_connection_stalls_the_others(serve, name):
    address, _, loop = serve(body_seconds=2)
    with socket.create_connection(address, 20) as first:
        first.sendall(GET + b"Connection: close\r\n\r\n")  # whatever is imported at first
        read_all(first)
    with socket.create_connection(address, 20) as connection, watched(loop) as turns:
        sender = threading.Thread(target=send_all, args=(connection, STALLS[name]))
        sender.start()
        assert connection.recv(100).startswith(b"HTTP/1.1 ")
        time.sleep(0.3)
        connection.shutdown(socket.SHUT_RDWR)
        sender.join()
    assert turns[0] < STALL


TINY_PACKETS = {
    "a trailer": (CHUNKED, b"a: " + b"b" * 20_000 + b"\r\n\r\n"),
    "a header": (GET, b"a: " + b"b" * 20_000 + b"\r\nConnection: close\r\n\r\n"),
    "a part header": (FORM + b"Content-Length: 20000\r\n\r\n", b"--b\r\na: " + b"b" * 20_000),
}


@pytest.mark.parametrize("name", TINY_PACKETS)
def test_packets_of_one_byte_do_not_stall_the_others(serve, name):
    address, _, loop = serve(body_seconds=2)
    first, rest = TINY_PACKETS[name]
    with socket.create_connection(address, 20) as connection, watched(loop) as turns:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(first)
        for byte in rest:
            if not send_all(connection, bytes([byte])):
                break
        assert connection.recv(100).startswith(b"HTTP/1.1 ")
    assert turns[0] < STALL


@pytest.mark.parametrize("path", ["/docs-assets/redoc.standalone.js", "/health/live", "/nothing"])
def test_an_answer_that_is_not_read_is_cut_off(serve, path):
    address, _, _ = serve(answer_seconds=0.5)
    request = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(address)
        with pytest.raises(ConnectionError):  # noqa: PT012 - a reset or a broken pipe
            while True:
                connection.sendall(request * 100)


def test_a_client_that_reads_slowly_gets_answer_after_answer(serve):
    address, _, _ = serve(answer_seconds=2)
    request = b"GET /docs-assets/redoc.standalone.js HTTP/1.1\r\nHost: x\r\n"
    with socket.create_connection(address, 20) as connection:
        connection.sendall((request + b"\r\n") * 4 + request + b"Connection: close\r\n\r\n")
        size, first, data = 0, b"", b""
        while data := connection.recv(1 << 18):
            first = first or data
            size += len(data)
            time.sleep(0.02)
    length = int(first.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert size > 5 * length


def slow_endpoint(log, seconds=60):
    """Adds /slow, which notes its beginning, its end, and whether the client left before that."""

    def change(app: FastAPI) -> None:
        from starlette.requests import Request

        from app.api.work import while_wanted

        async def slow(request: Request) -> None:
            await request.body()
            log.append("begun")
            try:
                async with while_wanted(request, 100):
                    await asyncio.sleep(seconds)
            except BaseException:
                log.append("left")
                raise
            log.append("done")

        app.post("/slow")(slow)

    return change


SLOW = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"


@pytest.mark.parametrize(
    "ahead", [b"", SLOW, SLOW * 3, picture(head=HEAD) + bytes(10), SLOW + bytes(4 * MAX_AHEAD)]
)
def test_a_client_that_leaves_cancels_its_work(serve, ahead, caplog):
    log: list[str] = []
    address, _, _ = serve(slow_endpoint(log))
    with socket.create_connection(address, 20) as connection:
        connection.sendall(SLOW)
        while not log:
            time.sleep(0.01)
        connection.setblocking(False)
        send_all(connection, ahead)
        time.sleep(0.1)
    deadline = time.monotonic() + 10
    while len(log) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert log == ["begun", "left"]
    assert not [record for record in caplog.records if record.exc_info]


def test_requests_sent_ahead_count_one_by_one(serve):
    address, app, _ = serve(rate_per_minute=3)
    request = b"GET /models HTTP/1.1\r\nHost: x\r\n"
    with socket.create_connection(address, 20) as connection:
        connection.sendall((request + b"\r\n") * 4 + request + b"Connection: close\r\n\r\n")
        statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", read_all(connection))
    assert statuses == [b"503"] * 3 + [b"429"] * 2
    counted = {
        sample.labels["status"]: sample.value
        for family in app.state.service.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "denoiser_requests_total"
    }
    assert counted == {"503": 3, "429": 2}


@pytest.mark.parametrize(
    "request_",
    [b"GET /docs-assets/redoc.standalone.js HTTP/1.1\r\nHost: x\r\n\r\n", picture()[:-1]],
)
def test_a_reset_connection_leaves_no_traceback(serve, request_, caplog):
    caplog.set_level("INFO")
    address, app, _ = serve()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.connect(address)
        connection.sendall(request_)
        if request_.startswith(b"GET "):
            assert connection.recv(1)
        else:
            while not app.state.service.memory.held:
                time.sleep(0.01)
    deadline = time.monotonic() + 10
    while "request" not in caplog.messages and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "request" in caplog.messages
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


def test_a_half_closed_post_is_answered(serve):
    log: list[str] = []
    address, _, _ = serve(slow_endpoint(log, 0.5))
    with socket.create_connection(address, 20) as connection:
        connection.sendall(SLOW)
        connection.shutdown(socket.SHUT_WR)
        data = read_all(connection)
    assert log == ["begun", "done"]
    assert data.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"").startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(address, 20) as connection:
        connection.sendall(picture())
        connection.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 200 " in read_all(connection)


def test_a_half_closed_connection_with_half_a_request_is_closed(serve):
    address, _, _ = serve(slow_endpoint([]))
    with socket.create_connection(address, 20) as connection:
        connection.sendall(SLOW[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b""


def test_a_faulty_request_does_not_overtake_the_answers_before_it(serve):
    address, _, _ = serve(max_head_bytes=16_000)
    for fault in (
        b"\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 40_000,
    ):
        with socket.create_connection(address, 20) as connection:
            connection.sendall(picture(head=HEAD.replace(b"close", b"keep-alive")) + fault)
            data = read_all(connection)
        assert data.startswith(b"HTTP/1.1 200 ")
        assert data.count(b"HTTP/1.1 4") == 1


@pytest.mark.parametrize(
    ("hosts", "status"),
    [(b"", 400), (b"Host: a\r\nHost: a\r\n", 400), (b"Host: a/b\r\n", 400), (b"Host:\r\n", 200)],
)
def test_there_is_one_host(serve, hosts, status):
    address, _, _ = serve()
    with socket.create_connection(address, 20) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body).get("code") == (None if status == 200 else "bad-request")


def test_http_1_0_needs_no_host(serve):
    address, _, _ = serve()
    with socket.create_connection(address, 20) as connection:
        connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert b" 200 " in read_all(connection).partition(b"\r\n")[0]


@pytest.mark.parametrize("proxied", [False, True])
def test_silent_senders_do_not_lock_the_others_out(serve, proxied):
    address, app, _ = serve(
        max_requests=6,
        max_requests_per_address=4,
        trusted_proxies="127.0.0.1" if proxied else "",
    )

    def ask(request, caller):
        source, forwarded = ("127.0.0.1", caller) if proxied else (caller, "")
        connection = socket.create_connection(address, 20, (source, 0))
        head = b"POST /noise HTTP/1.1\r\nX-Forwarded-For: %b\r\n" % forwarded.encode()
        connection.sendall(request.replace(b"POST /noise HTTP/1.1\r\n", head))
        return connection

    silent = [ask(picture()[:-1], "127.0.0.2") for _ in range(4)]
    while app.state.service.memory.shares < 4:
        time.sleep(0.01)
    with ask(picture(), "127.0.0.2") as connection:
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nretry-after: 1" in head.lower()
    assert json.loads(body)["code"] == "too-many-requests"
    with ask(GET + b"Connection: close\r\n\r\n", "127.0.0.2") as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    with ask(picture(), "127.0.0.3") as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    for connection in silent:
        connection.close()
    while app.state.service.memory.shares:
        time.sleep(0.01)
    with ask(picture(), "127.0.0.2") as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_uvicorn_is_the_one_that_this_was_written_against():
    """Read what has changed in it, and then write its version and digest down here and there."""
    assert version("uvicorn") == UVICORN
    modules = (httptools_impl, flow_control, uvicorn_server)
    source = "".join(map(inspect.getsource, modules)).encode()
    assert hashlib.sha256(source).hexdigest() == WRITTEN_AGAINST


def test_further_turns_of_all_connections_leave_half_of_the_time_to_others(monkeypatch):
    monkeypatch.setattr(Connection, "_next_turn", 0.0)
    begun = []
    for _ in range(100):
        each = Connection.__new__(Connection)
        loop = SimpleNamespace(time=lambda: 1.0, call_at=lambda when, _: begun.append(when))
        monkeypatch.setattr(each, "loop", loop, raising=False)
        each._further_turn()
    assert begun[0] == 1.0
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert gaps == pytest.approx([2 * TURN_SECONDS] * 99)
