"""Every problem of the catalogue, brought about over HTTP and compared as a whole."""

import io
import socket
from collections.abc import Callable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from app.api.catalogue import CATALOGUE, Code
from app.main import create_app
from app.sandbox.faults import Cause, WorkerLost
from app.service.errors import Broken
from app.service.jobs import Job, State
from app.service.keys import hash_of
from app.settings import Settings
from tests.api.conftest import listening

REQUEST_ID = "this-test"


def picture(kind: str = "PNG", mode: str = "L", side: int = 20) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind)
    return file.getvalue()


def post(path: str = "/noise", content: bytes | None = None, kind: str = "image/png") -> Any:
    data = picture() if content is None else content
    return lambda client: client.post(path, content=data, headers={"Content-Type": kind})


def get(path: str) -> Any:
    return lambda client: client.get(path)


def slowly(client: httpx.Client) -> httpx.Response:
    """Half a request, and the answer to that."""
    return raw(client, b"POST /noise HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n%b\r\n")


def raw(client: httpx.Client, request: bytes) -> httpx.Response:
    address = (client.base_url.host, client.base_url.port)
    more = b"X-Request-ID: %b\r\nContent-Length: 9\r\n" % REQUEST_ID.encode()
    with socket.create_connection(address, 20) as connection:
        connection.sendall(request.replace(b"%b", more))
        data = b""
        while received := connection.recv(1 << 16):
            data += received
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


def twice(client: httpx.Client) -> Any:
    post()(client)
    return post()(client)


def beside_another(client: httpx.Client) -> Any:
    """A request while one of the same address sends and sends nothing."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, 20) as silent:
        silent.sendall(b"POST /noise HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
        silent.sendall(b"Content-Type: image/png\r\n\r\n")
        while (answer := post()(client)).status_code == 200:
            pass
        return answer


def full(app: FastAPI) -> None:
    app.state.service.memory.shares = 2


def draining(app: FastAPI) -> None:
    app.state.service.models.drain()
    app.state.service.memory.shares = 1  # which it waits for


def loaded(app: FastAPI) -> None:
    """Claims a model whose network fails."""
    models = app.state.service.models
    models._packages = {"blur": None}
    models.loaded = {"blur": SimpleNamespace(failing=True, death=None, queued_seconds=0.0)}


def slow(app: FastAPI) -> None:
    """Claims a model that takes 190 seconds for any picture."""
    card = SimpleNamespace(name="blur", historical=False, modality=None)
    slow = SimpleNamespace(card=card, seconds_for=lambda *image: 190.0, death=None)
    app.state.service.models.loaded = {"blur": slow}
    app.state.service.models.denoiser = lambda *_, **__: slow


def at_work(app: FastAPI) -> None:
    """Claims a job that is under way."""
    job = Job("0-a", None, "", 1.0, State.RUNNING)
    job.progress.planned, job.progress.done = 5, 2
    app.state.service.jobs._jobs = {job.id: job}


def ending_in(error: Exception) -> Callable[[FastAPI], None]:
    """Makes the work on a picture end so."""

    def change(app: FastAPI) -> None:
        def require_open() -> None:
            raise error

        app.state.service.models.require_open = require_open

    return change


def nothing(app: FastAPI) -> None:
    """Leaves the service as it is."""


Case = tuple[Any, dict[str, Any], Callable[[FastAPI], None], dict[str, Any]]


def said(code: Code) -> dict[str, Any]:
    """The fields of the example."""
    return dict(CATALOGUE[code].example)


CASES: dict[str, Case] = {
    "unreadable-image": (post(content=b""), {}, nothing, {"reason": "The image has zero bytes."}),
    "malformed-form": (
        post(content=b"--b\r\n", kind="multipart/form-data; boundary=b"),
        {},
        nothing,
        {"reason": "it ends before its last boundary"},
    ),
    "bad-request": (lambda client: raw(client, b"hello\r\n\r\n"), {}, nothing, said("bad-request")),
    "unauthorized": (post(), {"api_keys": hash_of("a")}, nothing, said("unauthorized")),
    "unknown-model": (get("/models/vgg"), {}, loaded, {"name": "vgg", "names": "blur"}),
    "unknown-job": (get("/jobs/0-b"), {}, at_work, {"seconds": 600}),
    "unfinished-job": (
        get("/jobs/0-a/result"),
        {},
        at_work,
        {"state": "running", "percent": 40},
    ),
    "takes-too-long": (post("/denoise"), {}, slow, said("takes-too-long") | {"remedy": ""}),
    "not-found": (get("/nothing"), {}, nothing, {}),
    "method-not-allowed": (get("/noise"), {}, nothing, {}),
    "too-slow": (slowly, {"body_seconds": 0.2}, nothing, {"part": "The body", "seconds": 0.2}),
    "too-large": (post(), {"max_body_bytes": 10}, nothing, {"limit": 10}),
    "needs-too-much-memory": (post(), {"memory_bytes": 100}, nothing, {}),
    "too-many-pixels": (
        post(),
        {"max_pixels": 100},
        nothing,
        {"reason": "The image declares 20 x 20 pixels; at most 100 are taken, and 65500 a side."},
    ),
    "unsupported-media-type": (
        post(content=b"a text"),
        {},
        nothing,
        said("unsupported-media-type"),
    ),
    "unsupported-encoding": (
        lambda client: client.post("/noise", headers={"Content-Encoding": "gzip"}),
        {},
        nothing,
        said("unsupported-encoding"),
    ),
    "validation": (
        post("/noise?factor=2"),
        {},
        nothing,
        {"reason": "factor: Input should be less than or equal to 1."},
    ),
    "unsuitable-format": (
        post("/noise?format=jpeg", picture(mode="RGBA")),
        {},
        nothing,
        said("unsuitable-format"),
    ),
    "rate-limited": (twice, {"rate_per_minute": 1}, nothing, {}),
    "too-many-requests": (beside_another, {"max_requests_per_address": 1}, nothing, {"limit": 1}),
    "head-too-large": (
        get(f"/{'a' * 2000}"),
        {"max_head_bytes": 1000},
        nothing,
        {"limit": "1000 bytes"},
    ),
    "internal-error": (post(), {}, ending_in(RuntimeError("secret")), {}),
    "overloaded": (post(), {"max_requests": 2}, full, {}),
    "no-memory": (post(), {}, ending_in(MemoryError()), {}),
    "worker-lost": (post(), {}, ending_in(WorkerLost(Cause.KILLED)), {}),
    "needs-too-much-time": (post(), {}, ending_in(WorkerLost(Cause.TIME)), {}),
    "loading": (get("/health/ready"), {}, nothing, {}),
    "failing": (get("/health/ready"), {}, loaded, {}),
    "broken": (post(), {}, ending_in(Broken()), {}),
    "draining": (post(), {}, draining, {}),
    "timeout": (
        post(content=picture(side=3000)),
        {"timeout_seconds": 0.001},
        nothing,
        {"seconds": 0.001},
    ),
}


def test_every_problem_has_a_case():
    assert CASES.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("code", CATALOGUE)
def test_the_answer_is_what_the_catalogue_says(code, tmp_path):
    ask, settings, change, fields = CASES[code]
    app = create_app(Settings(models_dir=tmp_path, model="blur", port=0, **settings))
    change(app)
    with listening(app, lifespan="off") as client:
        client.headers["X-Request-ID"] = REQUEST_ID
        answer = ask(client)
    row, problem = CATALOGUE[code], answer.json()
    # A head that is not taken has no id that could be believed.
    from_parser = code in ("bad-request", "head-too-large")
    assert problem.pop("request_id") == answer.headers["x-request-id"]
    assert from_parser or answer.headers["x-request-id"] == REQUEST_ID
    errors = problem.pop("errors", [])
    assert [error["name"] for error in errors] == (["factor"] if code == "validation" else [])
    assert problem == {
        "type": "about:blank",
        "title": HTTPStatus(row.status).phrase,
        "status": row.status,
        "detail": row.detail(**fields),
        "code": code,
    }
    assert answer.status_code == row.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) is (row.retry == "retry-after")


def test_a_field_that_is_missing_is_noticed():
    with pytest.raises(KeyError):
        CATALOGUE["too-slow"].detail(part="The body")
