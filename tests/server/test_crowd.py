"""Too many connections: the idle ones make room, and images go on."""

import resource
import socket
from contextlib import ExitStack

import pytest

from app.main import create_app
from app.server import crowd
from app.server.server import make_server, protocol
from app.settings import Settings
from tests.fidelity.files import NOISE, by_pillow
from tests.serving import running

MOST = 6
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
IMAGE = by_pillow(NOISE, "PNG")
POST = b"POST /noise HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
    IMAGE
)


@pytest.fixture
def connect(tmp_path, monkeypatch):
    """Opens sockets to a service that keeps MOST connections, without models."""
    monkeypatch.setattr(crowd, "MOST_CONNECTIONS", MOST)
    server = make_server(create_app(Settings(models_dir=tmp_path, port=0)))
    server.config.lifespan = "off"
    with running(server, force=True) as address, ExitStack() as opened:
        yield lambda: opened.enter_context(socket.create_connection(address, 20))


def is_answered(connection):
    """Whether a request gets its answer; if not, the service hangs up."""
    connection.sendall(LIVE)
    answer = b""
    while not answer.endswith(b"}"):
        if not (received := connection.recv(1 << 16)):
            return False
        answer += received
    return answer.startswith(b"HTTP/1.1 200 OK")


def test_those_without_a_request_for_the_longest_make_room(connect):
    sending, busy = connect(), connect()
    sending.sendall(POST + IMAGE[:50])
    assert is_answered(busy)
    idle = [connect() for _ in range(MOST - 2)]
    assert all(map(is_answered, idle))
    assert is_answered(busy)
    idle[1].sendall(LIVE[:20])  # half a request is none
    for _ in range(3):
        assert is_answered(connect())
    assert [each.recv(10) for each in idle[:3]] == [b""] * 3
    assert is_answered(idle[3])
    assert is_answered(busy)
    sending.sendall(IMAGE[50:])
    assert sending.recv(15) == b"HTTP/1.1 200 OK"


def test_images_have_half_of_the_descriptors():
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = protocol(Settings()).most
    assert most == min(crowd.MOST_CONNECTIONS, descriptors // 2)
