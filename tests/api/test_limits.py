"""Each limit at its edge, over a socket; those on head and body have modules of their own."""

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from app.imaging.formats import FORMATS
from app.imaging.tiling import cost, plan
from tests.api.conftest import listening

PNG = {"Content-Type": "image/png"}
WIDTH, HEIGHT = 12, 9
TILES = cost(plan(HEIGHT, WIDTH, halo=8, stride=1))
"""Pixels that the picture takes in the queue of the model `blur`."""


def post(client, data, path="/noise"):
    """The status and, of a problem, its code."""
    answer = client.post(path, content=data, headers=PNG)
    assert answer.status_code != 503 or int(answer.headers["retry-after"]) > 0
    return answer.status_code, None if answer.is_success else answer.json()["code"]


@pytest.mark.parametrize(("setting", "edge"), [("max_pixels", WIDTH * HEIGHT), ("max_side", WIDTH)])
def test_the_size_of_a_picture(listen, image_file, setting, edge):
    data = image_file(WIDTH, HEIGHT)
    with listen(**{setting: edge}) as client:
        assert post(client, data) == (200, None)
    with listen(**{setting: edge - 1}) as client:
        assert post(client, data) == (413, "too-many-pixels")


def test_the_memory_of_one_request(listen, image_file):
    data = image_file(WIDTH, HEIGHT)
    edge = 2 * len(data) + 16 * WIDTH * HEIGHT
    with listen(memory_bytes=edge) as client:
        assert post(client, data) == (200, None)
    with listen(memory_bytes=edge - 1) as client:
        assert post(client, data) == (413, "needs-too-much-memory")


def test_the_memory_of_an_ensemble(application, image_file, wait_until):
    files = {"image": image_file(100, 100)}
    room = 2 * len(files["image"]) + 20 * 100 * 100  # an ensemble needs 24 bytes a pixel beside
    with listening(application(lambda tiles: tiles, memory_bytes=room)) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        assert client.post("/denoise", files=files).status_code == 200
        answer = client.post("/denoise?ensemble=2", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "needs-too-much-memory")


def test_the_memory_that_encoding_takes(listen, image_file):
    files = {"image": image_file(100, 100)}
    encoding = FORMATS["avif"].encoding_bytes * 100 * 100
    for most, status in ((1.2 * encoding, 200), (encoding, 413)):
        with listen(memory_bytes=int(most)) as client:
            assert client.post("/noise?format=avif", files=files).status_code == status


def test_the_memory_of_a_comparison_is_that_of_both_pictures(listen, image_file):
    data = image_file(WIDTH, HEIGHT)
    files = {"reference": data, "image": data}
    edge = 2 * (2 * len(data) + 16 * WIDTH * HEIGHT)
    with listen(memory_bytes=edge + 400) as client:  # what is around them in the form counts, too
        assert client.post("/compare", files=files).json()["ssim"] == 1
    with listen(memory_bytes=edge - 1) as client:
        answer = client.post("/compare", files=files)
        assert (answer.status_code, answer.json()["code"]) == (413, "needs-too-much-memory")


class HalfSent:
    """A request of which only half has come."""

    def __init__(self, client, data, sender="127.0.0.1"):
        self.rest = data[len(data) // 2 :]
        self.socket = socket.create_connection((client.base_url.host, client.base_url.port), 20)
        lines = ["POST /noise HTTP/1.1", "Host: x", "Content-Type: image/png"]
        lines += [f"X-Forwarded-For: {sender}"]
        lines += [f"Content-Length: {len(data)}", "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + data[: len(data) // 2])

    def finish(self):
        with self.socket:
            self.socket.sendall(self.rest)
            return int(self.socket.recv(65536).split()[1])


def holds_something(client):
    return "denoiser_held_bytes 0.0" not in client.get("/metrics").text


def test_the_memory_of_all_requests(listen, image_file, wait_until):
    data = image_file(WIDTH, HEIGHT)
    edge = 2 * len(data) + 16 * WIDTH * HEIGHT
    for room, result in ((len(data) // 2, (200, None)), (0, (503, "overloaded"))):
        with listen(memory_bytes=edge + room, trusted_proxies=("127.0.0.1",)) as client:
            other = HalfSent(client, data, "10.0.0.1")
            wait_until(lambda client=client: holds_something(client))
            assert post(client, data) == result
            assert other.finish() == 200


def test_who_stalls_does_not_keep_the_memory_from_others(listen, image_file, wait_until):
    data = image_file(WIDTH, HEIGHT)
    edge = 2 * len(data) + 16 * WIDTH * HEIGHT
    with listen(memory_bytes=4 * edge, trusted_proxies=("127.0.0.1",)) as client:
        stalled = [HalfSent(client, bytes(2 * edge), "10.0.0.1") for _ in range(4)]
        wait_until(lambda: f"denoiser_held_bytes {3 * edge}.0" in client.get("/metrics").text)
        for sender, status in (("10.0.0.2", 200), ("10.0.0.1", 503)):
            header = {"Content-Type": "image/png", "X-Forwarded-For": sender}
            assert client.post("/noise", content=data, headers=header).status_code == status
        for each in stalled:
            each.socket.close()


def test_the_number_of_requests_at_a_time(listen, image_file, wait_until):
    data = image_file()
    for most, result in ((2, (200, None)), (1, (503, "overloaded"))):
        with listen(max_requests=most) as client:
            other = HalfSent(client, data)
            wait_until(lambda client=client: holds_something(client))
            assert post(client, data) == result
            assert client.get("/health/live").status_code == 200
            assert other.finish() == 200
            assert post(client, data) == (200, None)


class Gate:
    """A network that waits to be let through."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, tiles):
        self.entered.release()
        assert self.opened.wait(20)
        return tiles


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.mark.parametrize(("room", "taken"), [(2, 1), (3, 2)])
def test_the_queue(application, gate, pool, image_file, wait_until, room, taken):
    data = image_file(WIDTH, HEIGHT)
    app = application(gate, queue_pixels=room * TILES)
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        first = pool.submit(post, client, data, "/denoise")
        assert gate.entered.acquire(timeout=20)
        waiting = [pool.submit(post, client, data, "/denoise") for _ in range(taken)]
        (denoiser,) = app.state.service.models.loaded.values()
        wait_until(lambda: denoiser.queued_pixels == room * TILES)
        assert post(client, data, "/denoise") == (503, "overloaded")
        gate.opened.set()
        assert [future.result(20) for future in (first, *waiting)] == [(200, None)] * (1 + taken)
        assert post(client, data, "/denoise") == (200, None)


@pytest.mark.parametrize(("seconds", "result"), [(60, (200, None)), (1e-9, (503, "overloaded"))])
def test_the_time_in_the_queue(application, gate, pool, image_file, wait_until, seconds, result):
    data = image_file(WIDTH, HEIGHT)
    app = application(gate, queue_seconds=seconds)
    gate.opened.set()
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        assert post(client, data, "/denoise") == (200, None)  # now it knows what a pixel costs
        (denoiser,) = app.state.service.models.loaded.values()
        wait_until(lambda: denoiser.queued_pixels == 0)
        assert gate.entered.acquire(timeout=20)
        gate.opened.clear()
        first = pool.submit(post, client, data, "/denoise")
        assert gate.entered.acquire(timeout=20)
        second = pool.submit(post, client, data, "/denoise")
        wait_until(lambda: second.done() or denoiser.queued_pixels == 2 * TILES)
        gate.opened.set()
        assert (first.result(20), second.result(20)) == ((200, None), result)


@pytest.mark.parametrize(("seconds", "whole"), [(60, True), (0.3, False)])
def test_the_time_to_take_the_answer(listen, image_file, wait_until, seconds, whole):
    data = image_file(2000, 2000)
    with listen(answer_seconds=seconds) as client, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(20)
        slow.connect((client.base_url.host, client.base_url.port))
        head = "POST /noise HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        slow.sendall(f"{head}Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        slow.sendall(data)
        received = slow.recv(2048)  # so it has begun
        if whole:
            time.sleep(0.6)
            assert holds_something(client)
        else:
            wait_until(lambda: not holds_something(client))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with suppress(ConnectionResetError):
            while more := slow.recv(1 << 20):
                received += more
        (length,) = re.findall(rb"content-length: (\d+)", received[:2048].lower())
        assert (len(received) > int(length)) is whole
        wait_until(lambda: not holds_something(client))


def test_the_whole_time(application, gate, image_file, wait_until):
    data = image_file(WIDTH, HEIGHT)
    with listening(application(gate, timeout_seconds=0.5)) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        assert post(client, data, "/denoise") == (503, "timeout")
        gate.opened.set()
        assert post(client, data, "/denoise") == (200, None)


def form(headers=0, length=0, fields=("image",), data=b""):
    """A form whose parts have so many headers, the last of them so long."""
    more = [f"A: {'b' * (length - 3)}"] * (headers - 1)
    parts = []
    for name in fields:
        lines = ["--x", f'Content-Disposition: form-data; name="{name}"', *more, "", ""]
        parts.append("\r\n".join(lines).encode() + data + b"\r\n")
    return b"".join([*parts, b"--x--\r\n"])


@pytest.mark.parametrize(
    ("shape", "result"),
    [
        ({"headers": 8, "length": 4224}, (200, None)),
        ({"headers": 9, "length": 40}, (400, "malformed-form")),
        ({"headers": 2, "length": 4225}, (400, "malformed-form")),
        ({"fields": ("image", "more")}, (200, None)),
        ({"fields": ("image", "image")}, (422, "validation")),
    ],
)
def test_the_parts_of_a_form(client, image_file, shape, result):
    body = form(**shape, data=image_file())
    content_type = "multipart/form-data; boundary=x"
    answer = client.post("/noise", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"] if answer.is_error else None) == result


def test_pictures_are_reckoned_before_they_are_decoded(listen, image_file):
    data = image_file(100, 100)
    with listen(memory_bytes=100 * 100 * 16) as client:
        answer = client.post("/noise", content=data, headers={"Content-Type": "image/png"})
        assert answer.status_code == 413
        small = image_file(80, 80)
        answer = client.post("/noise", content=small, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200
        assert "denoiser_held_bytes 0.0" in client.get("/metrics").text
