"""Jobs over HTTP. The network is a stand-in that a test can hold."""

import io
import json
import socket
import threading
import time
import zipfile

import httpx
import numpy as np
import pytest

from app.api.problems import MEDIA_TYPE
from app.inference.denoiser import Denoiser
from app.main import create_app
from app.service.keys import hash_of
from app.settings import Settings
from tests.api.conftest import listening
from tests.fidelity import files


@pytest.fixture
def held():
    """Set, but for while the network is to wait."""
    gate = threading.Event()
    gate.set()
    yield gate
    gate.set()


@pytest.fixture
def serve(models, monkeypatch, held):
    """Serves with a network that waits before each batch, on tiles of 512 pixels a side."""

    def network(pixels):
        assert held.wait(60)
        return pixels

    def load(package, *, limits, **_):
        card = package.card.model_copy(update={"floats_per_pixel": 120.0})
        return Denoiser(network, card, limits, seconds_per_pixel=1e-6)

    monkeypatch.setattr("app.service.models.Denoiser.load", load)

    def start(**settings):
        return listening(create_app(Settings(models_dir=models, model="blur", **settings)))

    return start


@pytest.fixture
def client(serve, wait_until):
    with serve() as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


def start(client, file, **query):
    answer = client.post("/jobs", params=query, files={"image": file})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"
    return answer.headers["location"]


def followed(client, job):
    """The events until the job has ended."""
    accept = {"Accept": "text/event-stream"}
    with client.stream("GET", job, headers=accept) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line:
                yield json.loads(line.removeprefix("data: "))


def test_a_job_answers_what_denoise_answers(client, image_file):
    file = image_file(40, 30)
    job = start(client, file, format="webp", strength=0.5)
    *_, last = followed(client, job)
    assert (last["state"], last["percent"]) == ("done", 100)
    assert last["stages"].keys() == {"decode", "queue", "infer", "encode"}
    assert client.get(job).json() == last
    result = client.get(f"{job}/result")
    direct = client.post(
        "/denoise", params={"format": "webp", "strength": 0.5}, files={"image": file}
    )
    assert result.content == direct.content
    same = ("content-type", "content-disposition", "x-model", "x-noise-sigma", "x-range")
    assert [result.headers[name] for name in same] == [direct.headers[name] for name in same]
    assert client.get(f"{job}/result").content == direct.content
    metrics = client.get("/metrics").text
    assert 'denoiser_jobs_ended_total{end="done"} 1.0' in metrics
    assert 'denoiser_jobs{state="done"} 1.0' in metrics
    assert 'denoiser_pixels_total{route="/jobs"} 1200.0' in metrics


def test_volumes_of_a_zip_are_one_job_with_one_progress(client):
    noise = np.random.default_rng(0).integers(0, 4096, (6, 40, 48), np.uint16)
    flat = np.full((2, 30, 30), 7, np.uint16)
    several = [
        *files.series(noise[:4], "1.2.1", stored=12),
        *((f"b/{name}", data) for name, data in files.series(flat, "1.2.2", stored=12)),
        *((f"c/{name}", data) for name, data in files.series(noise[4:, :20], "1.2.3", stored=12)),
    ]
    job = start(client, files.zipped(*several, ("notes.txt", b"")))
    percents = [status["percent"] for status in followed(client, job)]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    answer = client.get(f"{job}/result")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["x-image-changes"] == "files"
    assert answer.headers["x-image-notes"] == "not-for-diagnosis"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert set(archive.namelist()) == {"left-out.txt", *(name for name, _ in several)}
        assert archive.read("left-out.txt") == b"notes.txt: Not a DICOM.\n"
    assert 'denoiser_pixels_total{route="/jobs"} 11400.0' in client.get("/metrics").text


def test_how_far_it_is(client, image_file, held, wait_until):
    held.clear()
    job = start(client, image_file(1500, 1000))
    wait_until(lambda: client.get(job).json()["state"] == "running")
    status = client.get(job).json()
    assert status["percent"] == 0
    assert status["seconds_left"] > 0
    refused = client.get(f"{job}/result")
    assert (refused.status_code, refused.json()["code"]) == (409, "unfinished-job")
    held.set()
    found = list(followed(client, job))
    percents = [each["percent"] for each in found]
    assert percents == sorted(percents)
    assert found[-1]["state"] == "done"
    assert "seconds_left" not in found[-1]


def test_cancelling_takes_the_work_off_the_queue(client, image_file, held, wait_until):
    held.clear()
    job = start(client, image_file(1500, 1000))
    empty = 'denoiser_queue_pixels{model="blur"} 0.0'
    wait_until(lambda: empty not in client.get("/metrics").text)
    assert client.delete(job).status_code == 204
    for answer in (client.get(job), client.get(f"{job}/result"), client.delete(job)):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-job")
    held.set()
    idle = (empty, "denoiser_held_bytes 0.0")
    wait_until(lambda: all(each in client.get("/metrics").text for each in idle))
    assert 'denoiser_dropped_total{model="blur"} 1.0' in client.get("/metrics").text


def test_what_is_no_image_is_refused_at_once(client, image_file):
    for file, code in (
        (b"a text", "unsupported-media-type"),
        (image_file()[:40], "unreadable-image"),
    ):
        answer = client.post("/jobs", files={"image": file})
        assert answer.json()["code"] == code
    assert client.post("/jobs?strength=2", files={"image": image_file()}).status_code == 422
    assert "denoiser_held_bytes 0.0" in client.get("/metrics").text


def test_a_head_fetches_no_result_and_follows_nothing(client, image_file):
    job = start(client, image_file())
    assert client.head(job, headers={"Accept": "text/event-stream"}).status_code == 200
    *_, _ = followed(client, job)
    head = client.head(f"{job}/result")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "image/png")
    with client.stream("GET", f"{job}/result") as result:  # which nobody has fetched so far
        assert result.headers["content-length"] == head.headers["content-length"]


def test_a_job_that_fails_says_why(client, image_file):
    job = start(client, image_file(mode="RGBA"), format="jpeg")
    *_, last = followed(client, job)
    assert last["state"] == "failed"
    assert last["problem"]["code"] == "unsuitable-format"
    result = client.get(f"{job}/result")
    assert result.headers["content-type"] == MEDIA_TYPE
    assert (result.status_code, result.json()["code"]) == (422, "unsuitable-format")


def test_too_many_jobs_are_refused(serve, image_file, wait_until, held):
    with serve(max_jobs=1) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        held.clear()
        job = start(client, image_file())
        refused = client.post("/jobs", files={"image": image_file()})
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.delete(job).status_code == 204
        start(client, image_file())


def test_a_job_is_its_own_key_s(serve, image_file, wait_until):
    keys = {name: {"X-API-Key": name} for name in ("ann", "bob")}
    with serve(api_keys=",".join(map(hash_of, keys))) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        job = client.post("/jobs", files={"image": image_file()}, headers=keys["ann"]).json()["id"]
        assert client.get(f"/jobs/{job}").status_code == 401
        assert client.get(f"/jobs/{job}", headers=keys["bob"]).status_code == 404
        assert client.get(f"/jobs/{job}", headers=keys["ann"]).status_code == 200


def test_the_service_ends_with_jobs_under_way(serve, image_file, wait_until, held):
    with serve() as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        held.clear()
        job = start(client, image_file())
        wait_until(lambda: client.get(job).json()["state"] == "running")
        threading.Timer(0.2, held.set).start()
        began = time.monotonic()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("seconds", [1e-5, 1e-9])
def test_what_cannot_be_done_in_time_is_refused_at_once(
    application, image_file, seconds, monkeypatch, wait_until
):
    """With the remedy: a job, and a model that is faster, if there is one."""
    app = application(lambda pixels: pixels, timeout_seconds=1)
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        models = app.state.service.models
        slow = models.loaded["blur"]
        monkeypatch.setattr(slow, "seconds_for", lambda *image: 190.4)
        fast = Denoiser(lambda pixels: pixels, slow.card, _limits(), seconds_per_pixel=seconds)
        models.loaded["fast"], models._packages["fast"] = fast, models.package("blur")
        answer = client.post("/denoise", files={"image": image_file(600, 400)})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (413, "takes-too-long")
        assert "would take 190 s" in problem["detail"]
        assert ("model=fast" in problem["detail"]) is (seconds == 1e-9)
        assert "POST /jobs" in problem["detail"]
        job = start(client, image_file(600, 400))
        *_, last = followed(client, job)
        assert last["state"] == "done"
        fast.close()


def test_an_ensemble_that_is_too_slow_may_be_smaller(application, image_file, wait_until):
    app = application(lambda tiles: tiles, timeout_seconds=5)
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        blur = app.state.service.models.loaded["blur"]
        blur.seconds_for = lambda *image: 2.0 * image[-1]
        answer = client.post("/denoise?ensemble=8", files={"image": image_file()})
        assert (answer.status_code, answer.json()["code"]) == (413, "takes-too-long")
        assert "would take 16 s" in answer.json()["detail"]
        assert "or with ensemble=2." in answer.json()["detail"]
        assert client.post("/denoise?ensemble=2", files={"image": image_file()}).is_success


def _limits():
    from app.inference.batcher import Limits

    return Limits()


def test_events_go_on_where_a_body_is_declared_and_never_comes(
    serve, image_file, held, wait_until, caplog
):
    with serve(body_seconds=0.2) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        held.clear()
        job = start(client, image_file())
        with socket.create_connection((client.base_url.host, client.base_url.port), 60) as other:
            head = f"GET {job} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            other.sendall(f"{head}Content-Length: 9\r\n\r\n".encode())
            data = other.recv(4096)
            time.sleep(0.4)  # beyond the time for a body
            held.set()
            while b'"done"' not in data and (received := other.recv(4096)):
                data += received
        assert b'"done"' in data
    assert not [record for record in caplog.records if record.exc_info]


def test_a_client_that_leaves_the_events_leaves_the_job(client, image_file, held):
    held.clear()
    job = start(client, image_file())
    patience = httpx.Timeout(60, read=0.3)
    with pytest.raises(httpx.ReadTimeout):
        for _ in followed(httpx.Client(base_url=client.base_url, timeout=patience), job):
            pass
    held.set()
    *_, last = followed(client, job)
    assert last["state"] == "done"
