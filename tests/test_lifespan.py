"""The application by the ASGI protocol alone: under another server, and started twice."""

import asyncio
import io
import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from PIL import Image

from app.inference.denoiser import Denoiser
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import application, image_file, wait_until

__all__ = ["application"]

PICTURE = image_file(40, 30)


@pytest.fixture
def app(models):
    return create_app(Settings(models_dir=models, model="blur", codec_processes=1))


@contextmanager
def under_hypercorn(app):
    """A client of `app`, served by Hypercorn in a thread on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = Config()
    config.bind, config.errorlog = [f"fd://{listener.detach()}"], None
    over = threading.Event()

    async def until_over():
        while not over.is_set():
            await asyncio.sleep(0.02)

    thread = threading.Thread(
        target=lambda: asyncio.run(serve(app, config, shutdown_trigger=until_over))
    )
    thread.start()
    try:
        with httpx.Client(base_url=url, timeout=60) as client:
            yield client
    finally:
        over.set()
        thread.join()


@asynccontextmanager
async def lifespan(app):
    """Starts and stops `app` by the messages of the protocol."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    outgoing: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    running = asyncio.create_task(app(scope, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    assert await outgoing.get() == {"type": "lifespan.startup.complete"}
    yield
    await incoming.put({"type": "lifespan.shutdown"})
    assert await outgoing.get() == {"type": "lifespan.shutdown.complete"}
    await running


def is_ready(client):
    return client.get("/health/ready").status_code == 200


def size_of(answer):
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content)).size


def test_another_server_serves_the_contract(app):
    files = {"image": PICTURE}
    with under_hypercorn(app) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        wait_until(lambda: is_ready(client))
        assert [card["name"] for card in client.get("/models").json()["models"]] == ["blur"]
        assert size_of(client.post("/denoise", files=files)) == (40, 30)
        first, second = (client.post("/noise?seed=1", files=files) for _ in range(2))
        assert size_of(first) == (40, 30)
        assert first.content == second.content != PICTURE
        same = client.post("/compare", files={"image": PICTURE, "reference": PICTURE})
        assert same.json()["rmse"] == 0
        refused = client.post("/denoise", content=b"a text")
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported-media-type")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["x-request-id"] == refused.json()["request_id"]

        app.state.service.drain()
        draining = client.get("/health/ready")
        assert (draining.status_code, draining.json()["code"]) == (503, "draining")
        assert client.get("/health/live").status_code == 200


def test_another_server_tells_of_a_dead_inference_thread(application):
    def network(tiles):
        raise SystemExit(3)

    with under_hypercorn(application(network)) as client:
        wait_until(lambda: is_ready(client))
        assert client.post("/denoise", files={"image": PICTURE}).status_code == 500
        for path in ("/health/live", "/health/ready"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "broken")
        assert size_of(client.post("/noise", files={"image": PICTURE})) == (40, 30)


def test_another_server_tells_of_models_that_cannot_be_loaded(tmp_path):
    with under_hypercorn(create_app(Settings(models_dir=tmp_path, model="blur"))) as client:
        wait_until(lambda: client.get("/health/live").status_code == 503)
        assert client.get("/health/ready").json()["code"] == "broken"


def test_two_lifespans_in_a_row(app):
    async def serve_once():
        transport = httpx.ASGITransport(app)
        async with (
            lifespan(app),
            httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as client,
        ):
            assert (await client.get("/health/ready")).json()["code"] == "loading"
            deadline = time.monotonic() + 60
            while not app.state.service.ready:
                assert time.monotonic() < deadline
                assert app.state.service.failure is None
                await asyncio.sleep(0.01)
            # More at once than there are workers: some wait for one, on this event loop.
            posts = [
                client.post(path, files={"image": PICTURE}) for path in ("/noise", "/denoise") * 3
            ]
            assert {size_of(answer) for answer in await asyncio.gather(*posts)} == {(40, 30)}

    for _ in range(2):
        asyncio.run(serve_once())
        assert app.state.service.draining


def test_a_lifespan_that_ends_while_models_load_leaves_none_behind(app, monkeypatch):
    begun = threading.Event()

    def load(package, *, limits, **_):
        begun.set()
        time.sleep(0.1)
        return Denoiser(lambda tiles: tiles, package.card, limits)

    async def start_and_stop():
        async with lifespan(app):
            await asyncio.to_thread(begun.wait, 20)

    monkeypatch.setattr("app.service.models.Denoiser.load", load)

    before = inference_threads()
    for _ in range(2):
        begun.clear()
        asyncio.run(start_and_stop())
        wait_until(lambda: inference_threads() == before)  # told to end, they take a moment
        assert app.state.service.failure is None


def inference_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("inference-")}
