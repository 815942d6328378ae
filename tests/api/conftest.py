"""The service on a real socket, and pictures to send it."""

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from app.imaging.scale import Pixels
from app.inference.denoiser import Denoiser
from app.main import create_app
from app.sandbox.pool import Sandbox
from app.server.server import make_server
from app.settings import Settings
from tests.serving import running


def image_file(
    width: int = 12, height: int = 9, mode: str = "RGB", kind: str = "PNG", **options: Any
) -> bytes:
    """A file of random pixels, the same each time."""
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


@contextmanager
def listening(app: FastAPI, lifespan: Literal["on", "off"] = "on") -> Iterator[httpx.Client]:
    """Serves `app` on a free port; without its lifespan, it has no models and never will."""
    server = make_server(app)
    server.config.port, server.config.lifespan = 0, lifespan
    with (
        running(server) as (_, port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        yield client


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Returns as soon as the condition holds; fails if it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="session", autouse=True)
def _spawner() -> None:
    """Has the process that workers are forked from ready before any time is counted."""

    async def ask() -> None:
        sandbox = Sandbox(1)
        async with sandbox.worker() as worker:
            await worker.read(image_file())
        sandbox.close()

    asyncio.run(ask())


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until


@pytest.fixture(name="image_file", scope="session")
def image_file_fixture() -> Callable[..., bytes]:
    return image_file


@pytest.fixture(scope="session")
def app(models: Path) -> FastAPI:
    return create_app(Settings(models_dir=models, model="blur", max_jobs=1000))  # of all tests


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the service with the model `blur`, loaded and warm."""
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


@pytest.fixture
def listen(models: Path) -> Callable[..., AbstractContextManager[httpx.Client]]:
    """Serves with other settings, without any model: enough for all that is not /denoise."""

    def start(**settings: Any) -> AbstractContextManager[httpx.Client]:
        app = create_app(Settings(models_dir=models, model="blur", **settings))
        return listening(app, lifespan="off")

    return start


@pytest.fixture
def application(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FastAPI]:
    """Makes the service with any function of tiles in place of its network."""

    def make(network: Callable[[Pixels], Pixels], **settings: Any) -> FastAPI:
        monkeypatch.setattr(
            "app.service.models.Denoiser.load",
            lambda package, *, limits, **_: Denoiser(network, package.card, limits),
        )
        return create_app(Settings(models_dir=models, model="blur", **settings))

    return make
