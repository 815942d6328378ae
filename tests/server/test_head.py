"""Limits on a request's head, met over a socket by a client that does not behave."""

import json
import socket
import time
from contextlib import ExitStack

import pytest

from app.api.middleware.headers import SECURITY_HEADERS
from app.main import create_app
from app.server.server import make_server
from app.settings import Settings
from tests.fidelity.files import NOISE, by_pillow, png_chunk
from tests.serving import running

LIMIT = 2000
PICTURE = by_pillow(NOISE, "PNG")
PICTURE = PICTURE[:33] + png_chunk(b"tEXt", b"a\0\r\nUpgrade: this stays\r\n\r\n") + PICTURE[33:]


@pytest.fixture
def connect(models):
    """Opens sockets to a service of its own, with its own protocol; no model is loaded."""
    stack = ExitStack()

    def start(**settings):
        app = create_app(Settings(models_dir=models, model="blur", port=0, **settings))
        server = make_server(app)
        server.config.lifespan = "off"
        address = stack.enter_context(running(server))
        return lambda: socket.create_connection(address, 20)

    with stack:
        yield start


def answer(connection):
    """The status and the body of the one answer before the server hangs up.

    Also where it never came to the application, it is a problem with all the headers.
    """
    data = b""
    while received := connection.recv(65536):
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    status, headers = int(status_line.split()[1]), dict(line.split(": ", 1) for line in lines)
    lower = {name.lower(): value for name, value in headers.items()}
    assert {name: lower[name.lower()] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    if status >= 400:
        assert lower["content-type"] == "application/problem+json"
        assert lower["content-length"] == str(len(body))
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["request_id"] == lower["x-request-id"]
    return status, body


def one_answer(connection):
    """The bytes of one answer of a connection that stays open."""
    data = b""
    while not data.endswith(b"}"):
        data += connection.recv(65536)
    return data


def request(size, *, path="/health/live", close=True):
    """A request whose target and headers have `size` bytes, as the server counts them."""
    headers = ["Host: x", *(["Connection: close"] if close else [])]
    room = size - len(path) - sum(len(line) + 2 for line in headers) - len("A: ") - 2
    return "\r\n".join([f"GET {path} HTTP/1.1", *headers, f"A: {'b' * room}", "", ""]).encode()


def test_a_head_at_the_limit_is_taken_and_one_byte_more_is_not(connect):
    open_socket = connect(max_head_bytes=LIMIT)
    for size, status in ((LIMIT, 200), (LIMIT + 1, 431)):
        with open_socket() as connection:
            connection.sendall(request(size))
            found, body = answer(connection)
            assert found == status
    assert json.loads(body)["detail"] == "The request line and headers are longer than 2000 bytes."


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nA b: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\0: c\r\n\r\n",
        b"POST /noise HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"POST /noise HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_http_is_answered_like_all_else(connect, sent):
    open_socket = connect()
    with open_socket() as connection:
        connection.sendall(sent)
        assert answer(connection)[0] == 400
    with open_socket() as connection:
        connection.sendall(request(100))
        assert answer(connection)[0] == 200


@pytest.mark.parametrize("upgrade", [b"Upgrade: h2c", b"upgrade: websocket", b"UPGRADE:h2c, x"])
def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_not(connect, upgrade):
    """Whole, with a body in chunks, sent ahead, and cut in two at any place."""
    whole = offering(upgrade, b"Content-Length: %d" % len(PICTURE), PICTURE)
    chunks = b"3\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (PICTURE[:3], len(PICTURE) - 3, PICTURE[3:])
    open_socket = connect()
    sent = [[whole], [offering(upgrade, b"Transfer-Encoding: chunked", chunks)]]
    sent += [[whole[:cut], whole[cut:]] for cut in range(1, len(whole) - len(PICTURE) + 2, 5)]
    sent += [[offering(upgrade, b"A: b", b"", b"GET /health/live", b"keep-alive") * 2 + whole]]
    for packets in sent:
        with open_socket() as connection:
            for packet in packets:
                connection.sendall(packet)
                time.sleep(0.005)
            data = b""
            while received := connection.recv(65536):
                data += received
        head, _, body = data[data.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), data
        assert b"\r\nUpgrade: this stays" in body
        assert data.count(b"HTTP/1.1 200 ") == (3 if packets[0].startswith(b"GET") else 1)


def offering(upgrade, framing, body, line=b"POST /noise", connection=b"close"):
    """A request that would go on in another protocol."""
    lines = [line + b" HTTP/1.1", b"Host: x", b"Connection: Upgrade, HTTP2-Settings, " + connection]
    return b"\r\n".join([*lines, upgrade, b"Content-Type: image/png", framing, b"", body])


def test_a_long_target_counts(connect):
    with connect(max_head_bytes=LIMIT)() as connection:
        connection.sendall(b"GET /" + b"a" * LIMIT + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection)[0] == 431


@pytest.mark.parametrize("end", [b"\r\n", b""])
def test_a_head_of_many_short_fields_is_refused_before_they_fill_the_memory(connect, end):
    head, field = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", b"a:\r\n"
    connecting = connect()
    with connecting() as connection:
        connection.sendall(head + field * 98 + b"\r\n")
        assert answer(connection)[0] == 200
    with connecting() as connection:
        connection.sendall(head + field * 120 + end)
        status, body = answer(connection)
    assert status == 431
    assert "100 fields" in json.loads(body)["detail"]


def test_a_head_without_end_is_cut_off(connect):
    with connect(max_head_bytes=LIMIT)() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nA: ")
        with pytest.raises(ConnectionError):  # noqa: PT012 - a reset or a broken pipe
            while True:
                connection.sendall(b"b" * 1000)
                time.sleep(0.001)


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_arrive_in_time(connect, sent):
    with connect(head_seconds=0.2)() as connection:
        connection.sendall(sent)
        status, body = answer(connection)
    assert status == 408
    assert "within 0.2 seconds" in json.loads(body)["detail"]


def test_the_second_head_of_a_connection_has_the_same_limits(connect):
    with connect(head_seconds=1)() as connection:
        connection.sendall(request(100, close=False))
        assert one_answer(connection).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /")
        assert answer(connection)[0] == 408
    with connect(max_head_bytes=LIMIT)() as connection:
        for _ in range(20):
            connection.sendall(request(LIMIT // 2, close=False))
            assert one_answer(connection).startswith(b"HTTP/1.1 200 ")


def test_requests_sent_ahead_are_all_answered(connect):
    with connect(head_seconds=2)() as connection:
        connection.sendall(request(100, close=False) * 3 + request(100))
        data = b""
        while received := connection.recv(65536):
            data += received
    assert data.count(b"HTTP/1.1 200 ") == 4
