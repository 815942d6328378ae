"""What one worker hands to another, and what it does with what it is handed."""

import asyncio
import ssl
import stat
import tempfile
from pathlib import Path
from urllib.parse import unquote

import pytest
import uvicorn

from app.server import siblings
from app.server.siblings import Siblings, listener_of
from app.settings import Settings

pytestmark = pytest.mark.anyio

JOB = "/jobs/1-aaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
def folder():
    """One with a short name: that of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


class Asked:
    """An application that notes what it is asked, and answers without end if it is to."""

    def __init__(self, *, endless=False):
        self.scopes, self.endless, self.left = [], endless, asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        headers = [(b"x-one", b"1")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while self.endless:
            if (await receive())["type"] == "http.disconnect":
                self.left.set()
                return
        await send({"type": "http.response.body", "body": b" last"})


@pytest.fixture
async def other(folder, request):
    """The worker number 1, on its socket."""
    asked = Asked(endless=getattr(request, "param", False))
    app = Siblings(asked, folder, 1, Settings())
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve([listener_of(folder, 1)]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield asked
    server.should_exit = True
    await task


async def ask(folder, path, headers=(), leaves=None):
    """Asks the worker number 0, of the address 192.0.2.7."""
    own, sent = Asked(), []

    async def receive():
        await (leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if leaves and message["type"] == "http.response.body":
            leaves.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"a=1&b=%C3%A4",
        "headers": [(b"host", b"example.org"), *headers],
        "client": ("192.0.2.7", 99),
        "server": ("127.0.0.1", 8000),
    }
    await Siblings(own, folder, 0, Settings())(scope, receive, send)
    return own, sent


async def test_a_job_of_another_is_handed_on_whole(folder, other):
    headers = [(b"x-api-key", b"k"), (b"x-denoiser-client", b"10.0.0.1"), (b"connection", b"close")]
    own, sent = await ask(folder, JOB, headers)
    assert not own.scopes
    (scope,) = other.scopes
    assert (scope["path"], scope["query_string"]) == (JOB, b"a=1&b=%C3%A4")
    assert scope["client"] == ("192.0.2.7", 0)
    found = dict(scope["headers"])
    assert (found[b"host"], found[b"x-api-key"]) == (b"example.org", b"k")
    assert b"x-denoiser-client" not in found
    assert sent[0]["status"] == 202
    assert dict(sent[0]["headers"])[b"x-one"] == b"1"
    assert b"".join(each["body"] for each in sent[1:]) == b"first last"


@pytest.mark.parametrize("id_", ["%00", "%0d%0a", "a%3Fb", "a%23b", "%252e", "%E2%80%AE", "%ff"])
async def test_ids_of_any_characters_are_handed_on(folder, other, id_):
    _, sent = await ask(folder, f"/jobs/1-{id_}")
    assert sent[0]["status"] == 202
    assert other.scopes[0]["raw_path"] == f"/jobs/1-{id_}".encode()


@pytest.mark.parametrize("path", ["/jobs/0-a", "/jobs", "/jobs/1-a/b/c", "/denoise", "/jobs/x-a"])
async def test_all_else_stays(folder, path):
    own, _ = await ask(folder, path, [(b"x-denoiser-client", b"10.0.0.1")])
    assert own.scopes[0]["client"] == ("192.0.2.7", 99)


@pytest.mark.parametrize("other", [True], indirect=True)
async def test_whoever_leaves_leaves_the_other_too(folder, other):
    await ask(folder, JOB, leaves=asyncio.Event())
    await asyncio.wait_for(other.left.wait(), 10)


@pytest.mark.parametrize("other", [True], indirect=True)
async def test_one_that_is_given_up_leaves_nothing_running(folder, other):
    asking = asyncio.create_task(ask(folder, JOB))
    while not other.scopes:
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait((asking,))
    frames = (frame for task in asyncio.all_tasks() for frame in task.get_stack())
    assert siblings.__file__ not in {frame.f_code.co_filename for frame in frames}
    await asyncio.wait_for(other.left.wait(), 10)


async def test_a_job_of_a_worker_that_is_gone_is_gone(folder):
    own, sent = await ask(folder, JOB)
    assert not own.scopes
    assert sent[0]["status"] == 404
    assert b"unknown-job" in sent[1]["body"]


async def test_so_is_one_of_a_worker_that_goes_before_it_answers(folder):
    with listener_of(folder, 1) as listener:
        listener.listen()
        asking = asyncio.create_task(ask(folder, JOB))
        listener.setblocking(False)
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        connection.close()
        _, sent = await asking
    assert sent[0]["status"] == 404
    assert b"unknown-job" in sent[1]["body"]


async def test_handing_on_reads_no_certificates(folder, other, monkeypatch):
    """On the event loop that would take a tenth of a second for each request."""
    monkeypatch.setattr(ssl, "create_default_context", None)
    _, sent = await ask(folder, JOB)
    assert sent[0]["status"] == 202
    assert other.scopes


async def test_nobody_else_may_use_the_sockets(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    listener_of(folder, 1).close()
    listener_of(folder, 1).close()  # in place of one that was left
