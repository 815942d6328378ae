"""Too many connections: the idle ones make room, and images go on."""

import asyncio
import resource
import socket
import threading
import time

import pytest

from app.main import create_app
from app.server import crowd
from app.server.server import make_server, protocol
from app.settings import Settings
from tests.fidelity.files import NOISE, by_pillow

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
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address, opened = server.servers[0].sockets[0].getsockname(), []

    def start():
        opened.append(socket.create_connection(address, 20))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
    server.should_exit = server.force_exit = True
    thread.join()


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
