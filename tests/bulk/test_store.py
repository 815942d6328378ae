import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest

from app.bulk.store import ATTEMPTS, Store, StoreError
from tests.bulk.conftest import CREDENTIALS


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr("app.bulk.store.time.sleep", made.append)
    monkeypatch.setattr("app.bulk.store.random.uniform", lambda *_: 1.0)
    return made


def failing(monkeypatch, method, error, times):
    """Lets the memory's file system fail so many times."""
    kind = type(fsspec.filesystem("memory"))
    real, left = getattr(kind, method), [times]

    def call(*arguments, **named):
        if left[0]:
            left[0] -= 1
            raise error
        return real(*arguments, **named)

    monkeypatch.setattr(kind, method, call)


def test_a_busy_store_is_asked_again_after_growing_pauses(memory, monkeypatch, pauses):
    memory.pipe_file("/in/a.png", b"x")
    failing(monkeypatch, "cat_file", OSError("SlowDown: reduce your request rate"), 3)
    assert Store("memory://in").read("a.png") == b"x"
    assert pauses == [0.5, 1.0, 2.0]


def test_a_store_that_stays_away_is_told(memory, monkeypatch, pauses):
    failing(monkeypatch, "pipe_file", OSError("SlowDown"), ATTEMPTS)
    with pytest.raises(StoreError, match="SlowDown"):
        Store("memory://out").write("a.png", b"x")
    assert max(pauses) == 30.0


def test_what_is_not_there_is_not_asked_for_again(memory, pauses):
    with pytest.raises(FileNotFoundError):
        Store("memory://in").read("a.png")
    assert not pauses


def test_a_local_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    store = Store(str(tmp_path / "out"))
    store.write("b/a.png", b"first")
    kind = type(fsspec.filesystem("file"))
    monkeypatch.setattr(kind, "mv", lambda *_, **__: (_ for _ in ()).throw(PermissionError("no")))
    with pytest.raises(PermissionError):
        store.write("b/a.png", b"second")
    assert store.read("b/a.png") == b"first"


def test_a_local_file_may_have_the_longest_name(tmp_path, pauses):
    name = f"{'a' * 251}.png"
    Store(str(tmp_path)).write(name, b"x")
    assert (tmp_path / name).read_bytes() == b"x"
    assert not pauses


class Meeting(BaseHTTPRequestHandler):
    """Answers once 16 requests are there at a time; else says that there is no such file."""

    everybody = threading.Barrier(16)

    def do_GET(self):
        with suppress(threading.BrokenBarrierError):
            self.everybody.wait(30)
        self.send_response(404 if self.everybody.broken else 200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *_):
        """Say nothing."""


def test_reads_do_not_wait_for_each_other(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Meeting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        store = Store("s3://bucket/in")
        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(store.read, map(str, range(16)))) == [b"x"] * 16
        server.shutdown()


@pytest.mark.parametrize("key", ["../a.png", "a/../../b.png", "/etc/a.png", "s3://other/a.png"])
def test_a_key_does_not_lead_out_of_the_folder(memory, key):
    with pytest.raises(ValueError, match=r"out of the folder|not below"):
        Store("memory://in").key(key)


def test_a_url_that_no_file_system_answers_to():
    with pytest.raises(StoreError, match="nosuch"):
        Store("nosuch://bucket")


def test_another_content_is_another_version(tmp_path):
    store = Store(str(tmp_path))
    versions = []
    for content in (b"x", b"xy"):
        (tmp_path / "a.png").write_bytes(content)
        versions.append(store.find("a.png").version)
    assert len({*versions}) == 2
