"""Requests that end before their picture is done. The model's part is played by a stand-in."""

import asyncio
import io
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.inference.batcher import Overloaded
from app.main import create_app
from app.settings import Settings

pytestmark = pytest.mark.anyio


@dataclass
class Stuck:
    """A denoiser that never gets round to anything, or has no room."""

    full: bool = False
    futures: list[Future[None]] = field(default_factory=list)
    card: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="blur"))

    def seconds_for(self, height, width, stack, axes, ensemble):
        return 0.0

    async def denoise(self, picture, correction, *, empty, progress, client):
        if self.full:
            raise Overloaded(2.5)
        self.futures.append(Future())
        return await asyncio.wrap_future(self.futures[-1])


@pytest.fixture
def serve(models):
    def start(denoiser, **settings):
        app = create_app(Settings(models_dir=models, model="blur", **settings))
        app.state.service.models.denoiser = lambda *_, **__: denoiser
        return app

    return start


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")


async def test_a_picture_that_takes_too_long_is_dropped(serve, image_file):
    stuck = Stuck()
    app = serve(stuck, timeout_seconds=0.2)
    async with client(app) as http:
        answer = await http.post("/denoise", files={"image": image_file()})
    assert answer.status_code == 503
    assert answer.json()["code"] == "timeout"
    assert int(answer.headers["retry-after"]) > 0
    assert stuck.futures[0].cancelled()
    assert app.state.service.memory.held == 0


async def test_a_full_queue_is_said_to_be_full(serve, image_file):
    async with client(serve(Stuck(full=True))) as http:
        answer = await http.post("/denoise", files={"image": image_file()})
    assert answer.status_code == 503
    assert answer.json()["code"] == "overloaded"
    assert answer.headers["retry-after"] == "3"


async def test_metadata_counts_as_long_as_the_picture_waits(serve):
    stuck, file = Stuck(), io.BytesIO()
    text = PngInfo()
    text.add_text("comment", "x" * 1_000_000)
    Image.new("L", (1, 1)).save(file, "PNG", pnginfo=text)
    app = serve(stuck)
    async with client(app) as http:
        request = asyncio.create_task(http.post("/denoise", files={"image": file.getvalue()}))
        while not stuck.futures:
            await asyncio.sleep(0.01)
        assert 2_000_000 <= app.state.service.memory.held < 2_100_000  # and again in the answer
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert app.state.service.memory.held == 0


async def test_the_work_of_a_client_that_left_is_dropped(serve, image_file):
    stuck = Stuck()
    app = serve(stuck)
    sent: list[str] = []

    async def receive():
        if not stuck.futures and not sent:
            sent.append("body")
            return {"type": "http.request", "body": image_file(), "more_body": False}
        while not stuck.futures:
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/denoise",
        "raw_path": b"/denoise",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"image/png"), (b"transfer-encoding", b"chunked")],
    }
    await app(scope, receive, send)
    assert stuck.futures[0].cancelled()
    assert app.state.service.memory.held == 0
    metrics = app.state.service.metrics.registry
    assert metrics.get_sample_value("denoiser_cancelled_total") == 1


async def test_a_request_that_is_cut_off_at_shutdown_is_told_so(serve, image_file):
    stuck = Stuck()
    async with client(serve(stuck)) as http:
        request = asyncio.create_task(http.post("/denoise", files={"image": image_file()}))
        while not stuck.futures:
            await asyncio.sleep(0.01)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert 'route="/denoise",status="503"} 1.0' in (await http.get("/metrics")).text
    assert stuck.futures[0].cancelled()
