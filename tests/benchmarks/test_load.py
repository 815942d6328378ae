import asyncio
import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from benchmarks.load import (
    CUT_OFF,
    NO_ANSWER,
    Answer,
    Reply,
    Request,
    Result,
    arrivals,
    closed_loop,
    open_loop,
)

POST = Request("/denoise", "image/png", b"picture")


class Echo(BaseHTTPRequestHandler):
    """Answers with the body; hangs up on `/gone` and in the midst of `/cut`; is busy on `/busy`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/gone":
            self.close_connection = True
            return
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + 1))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True
            return
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/busy":
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_a_closed_loop_counts_good_answers_and_all_statuses(port):
    posts = [POST, *(Request(path, "image/png", b"x") for path in ("/busy", "/gone", "/cut"))]
    result = asyncio.run(closed_loop(port, posts, clients=4, seconds=1))
    assert set(result.statuses) == {200, 503, NO_ANSWER, CUT_OFF}
    waits = {answer.reply.status: answer.reply.retry_after for answer in result.answers}
    assert waits == {200: None, 503: 7.0, NO_ANSWER: None, CUT_OFF: None}
    assert len(result.latencies) == result.statuses[200] > 3
    assert result.rate == pytest.approx(result.statuses[200] / result.seconds)
    assert 0 < result.percentile(50) <= result.percentile(99) <= result.seconds


def test_an_open_loop_posts_when_it_is_due(port):
    result = asyncio.run(open_loop(port, lambda: POST, [0.0, 0.05, 0.1, 0.1]))
    assert result.statuses == {200: 4}
    assert result.seconds >= 0.1
    assert all(answer.at - answer.latency >= -1e-6 for answer in result.answers)


def test_arrivals_are_of_the_rate_that_was_asked_for():
    times = arrivals(50, 20, seed=1)
    assert len(times) == pytest.approx(1000, rel=0.1)
    assert times == sorted(times)
    assert times[-1] < 20
    assert np.std(np.diff(times)) == pytest.approx(1 / 50, rel=0.15)


def test_nothing_good_has_no_latency():
    result = Result([Answer(Reply(503), 0.1, 0.1)], seconds=1.0)
    assert np.isnan(result.percentile(95))
    assert result.rate == 0


def test_a_picture_in_json():
    request = POST.as_json()
    assert json.loads(request.body) == {"image": base64.b64encode(b"picture").decode()}
    head, body = request.to_bytes("localhost").split(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    assert f"Content-Length: {len(body)}".encode() in head
