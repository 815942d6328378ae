import asyncio

import httpx
import pytest

from app.main import create_app
from app.settings import Settings

pytestmark = pytest.mark.anyio


async def test_settings_come_from_the_environment(monkeypatch, models):
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(models))
    assert create_app().state.service.settings.models_dir == models


async def test_the_lifespan_loads_the_models_and_closes_them(models):
    app = create_app(Settings(models_dir=models, model="blur"))
    state = app.state.service.models
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://x") as client,
    ):
        while not state.ready:
            assert state.failure is None
            assert (await client.get("/health/live")).status_code == 200
            await asyncio.sleep(0.01)
        denoiser = state.loaded["blur"]
    assert state.draining
    assert denoiser.queued_pixels == 0


async def test_the_contract_is_all_there(models):
    paths = create_app(Settings(models_dir=models, model="blur")).openapi()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert found == {
        "POST /denoise",
        "POST /noise",
        "POST /compare",
        "POST /jobs",
        "GET /jobs/{job_id}",
        "DELETE /jobs/{job_id}",
        "GET /jobs/{job_id}/result",
        "GET /models",
        "GET /models/{name}",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }
