import logging

import httpx
import pytest
from structlog.contextvars import get_contextvars

from app.main import create_app
from app.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def fragile(models):
    """An application with a route that fails, and one that fails after it has begun to answer."""
    app = create_app(Settings(models_dir=models, model="blur"))

    @app.get("/fails")
    async def fails():
        raise RuntimeError("a secret")

    async def begins(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a secret")

    app.mount("/begins", begins)
    return app


@pytest.fixture
def asgi():
    def client(app):
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")

    return client


async def test_a_failure_is_answered_without_its_reason_and_logged_with_it(fragile, asgi, caplog):
    async with asgi(fragile) as client:
        answer = await client.get("/fails", headers={"X-Request-ID": "abc"})
        assert (await client.get("/health/live")).status_code == 200
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal-error"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "abc"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text
    assert "a secret" in caplog.text


async def test_an_answer_that_has_begun_is_broken_off(fragile, asgi, caplog):
    async with asgi(fragile) as client:
        with pytest.raises(RuntimeError, match="a secret"):
            await client.get("/begins/")
    assert "request failed" in caplog.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)],
)
async def test_a_request_id_is_kept_if_it_is_safe(fragile, asgi, given, kept):
    async with asgi(fragile) as client:
        answer = await client.get("/health/live", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert (
        answer.headers["x-request-id"].replace("-", "").replace(".", "").replace("_", "").isalnum()
    )


async def test_one_line_is_logged_for_each_request(fragile, asgi, image_file, caplog):
    ids = []
    logger = logging.getLogger("app.api.middleware.observe")
    caplog.set_level(logging.INFO, logger.name)

    def note(record):
        ids.append(get_contextvars()["request_id"])
        return True

    logger.addFilter(note)
    async with asgi(fragile) as client:
        answer = await client.post("/noise", files={"image": image_file(12, 9)})
        await client.get("/health/live")
        await client.get("/%0a%1b[31m")
    logger.removeFilter(note)
    record, strange = caplog.records
    assert strange.path == "/%0A%1B%5B31m"
    assert (record.method, record.path, record.status) == ("POST", "/noise", 200)
    assert record.pixels == 12 * 9
    assert record.bytes_out == len(answer.content)
    assert record.bytes_in > len(image_file(12, 9))
    assert {"seconds", "decode", "noise", "encode"} <= vars(record).keys()
    assert ids[0] == answer.headers["x-request-id"]
