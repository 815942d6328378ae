"""Forms and whole requests that hypothesis makes up: what is not understood is a 4xx, no more."""

import re
import socket

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fidelity.files import NOISE, by_pillow
from tests.fidelity.files import png_chunk as chunk

GOOD = by_pillow(NOISE, "PNG")
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
BOUNDED = settings(
    max_examples=80,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

PART = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
FORM_PIECES = (
    PART,
    PART.replace(b"image", b"more"),
    GOOD,
    GOOD[:40],
    b"\r\n--x\r\n",
    b"\r\n--x--\r\n",
    b"\r\n--x",
    b"--",
    b"\r\n",
    b"\r",
    b'Content-Disposition: form-data; name="im\r\nage"\r\n',
    b"Content-Disposition: form-data; name*=utf-8''image\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n\r\n",
    b"A" * 5000,
    chunk(b"IEND", b""),
)
WIRE_PIECES = (
    b"POST /noise HTTP/1.1\r\n",
    b"GET /models/blur HTTP/1.0\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://elsewhere.example/metrics HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"Host: x\r\n",
    b"Content-Type: image/png\r\n",
    b"Content-Length: %d\r\n" % len(GOOD),
    b"Content-Length: 0\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"Connection: close\r\n",
    b"\r\n",
    b"%x\r\n%b\r\n" % (len(GOOD), GOOD),
    b"fffffffffffffffff\r\n",
    b"0\r\n\r\n",
    GOOD,
)


def joined(pieces):
    return st.lists(st.sampled_from(pieces) | st.binary(max_size=20), max_size=12).map(b"".join)


@given(body=joined(FORM_PIECES))
@example(body=PART + GOOD + b"\r\n--x--\r\n")
@BOUNDED
def test_forms(client, body):
    answer = client.post("/noise", content=body, headers=FORM)
    assert answer.status_code in (200, 400, 413, 415, 422), (body, answer.text)


@given(sent=joined(WIRE_PIECES))
@BOUNDED
def test_requests(client, sent):
    with socket.create_connection((client.base_url.host, client.base_url.port), 10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65536):
            received += data
    statuses = [
        int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", received, re.MULTILINE)
    ]
    assert max(statuses, default=0) < 500, (sent, received)
    assert client.get("/health/live").status_code == 200


@pytest.fixture(autouse=True, scope="module")
def still_well(client):
    yield
    assert client.post("/noise", content=GOOD, headers={"Content-Type": "image/png"}).is_success
