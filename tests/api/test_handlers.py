import pytest

from app.api.handlers import as_problem
from app.api.problems import ProblemError
from app.imaging.picture import (
    ImagingError,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.inference.batcher import Draining, Overloaded
from app.sandbox.faults import Cause, JobFailed, WorkerLost


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnreadableImage("x"), 400, "unreadable-image"),
        (TooManyPixels("x"), 413, "too-many-pixels"),
        (UnsupportedImage("x"), 415, "unsupported-media-type"),
        (UnsuitableFormat("x"), 422, "unsuitable-format"),
        (ImagingError("x"), 400, "unreadable-image"),
        (Overloaded(0.2), 503, "overloaded"),
        (Draining(), 503, "draining"),
        (MemoryError("x"), 503, "no-memory"),
        (WorkerLost(Cause.TIME), 413, "needs-too-much-time"),
        (WorkerLost(Cause.MEMORY), 413, "needs-too-much-memory"),
        (WorkerLost(Cause.STUCK), 503, "worker-lost"),
        (WorkerLost(Cause.KILLED), 503, "worker-lost"),
        (JobFailed("x"), 500, "internal-error"),
        (KeyError("x"), 500, "internal-error"),
    ],
)
def test_errors_of_every_layer_have_a_status(error, status, code):
    problem = as_problem(error)
    assert (problem.status, problem.code) == (status, code)


def test_retry_after_is_a_whole_number_of_seconds():
    assert as_problem(Overloaded(1.2)).headers == {"Retry-After": "2"}
    assert as_problem(Draining()).headers["Retry-After"].isdigit()


def test_an_unforeseen_error_keeps_its_reason_to_itself():
    assert "secret" not in as_problem(RuntimeError("secret")).detail


def test_a_problem_is_the_answer_to_itself():
    problem = ProblemError(418, "bad-request", "tea", headers={"X-Tea": "green"})
    assert as_problem(problem) is problem


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/static/nothing.js", 404, "not-found"),
        ("GET", "/static/../main.py", 404, "not-found"),
        ("GET", "/static/%2e%2e/%2e%2e/main.py", 404, "not-found"),
        ("GET", "/denoise/", 404, "not-found"),
        ("GET", "/denoise", 405, "method-not-allowed"),
        ("DELETE", "/models", 405, "method-not-allowed"),
        ("POST", "/static/style.css", 405, "method-not-allowed"),
        ("GET", "/models/nothing", 404, "unknown-model"),
        ("GET", f"/models/{'x' * 65}", 422, "validation"),
    ],
)
def test_every_error_is_a_problem(client, method, path, status, code):
    answer = client.request(method, path)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"]
    assert ("allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize(
    "path", ["/health/live", "/models", "/models/blur", "/metrics", "/nothing"]
)
def test_head_is_get_without_a_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == get.headers["content-length"]
