import asyncio
import io
import json
import os
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageCms

from denoiser_client import AsyncClient, Client, Problem
from tests.fidelity import files

PICTURE = {"Content-Type": "image/png"}
BUSY = {"Content-Type": "application/problem+json", "Retry-After": "1", "X-Request-ID": "mine"}
BODY = json.dumps({"code": "overloaded", "detail": "Too busy."}).encode()


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def client(service):
    with Client(service) as client:
        yield client


def blurred(pixels):
    """Of the inner pixels."""
    x, (height, width, _) = pixels.astype(float), pixels.shape
    rows, columns = range(3), range(3)
    shifts = [x[i : height - 2 + i, j : width - 2 + j] for i in rows for j in columns]
    return sum(shifts) / 9


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays_come_back_as_they_went(client, pixels, dtype):
    sent = (pixels / 255).astype(dtype) if dtype is np.float32 else pixels.astype(dtype)
    error = 0.01 if dtype is np.float32 else 3  # the model may compute in bfloat16
    back = client.denoise(sent, range="full").array()
    assert (back.dtype, back.shape) == (dtype, sent.shape)
    assert np.abs(back[1:-1, 1:-1] - blurred(sent)).max() <= error


def test_files_and_bytes_go_in_and_files_come_out(client, pixels, tmp_path):
    noisy = client.noise(pixels, factor=0.1, seed=7)
    assert noisy.seed == 7
    path = noisy.save(tmp_path / "noisy.png")
    clean = client.denoise(path, format="jpeg", quality=90)
    assert (clean.model, clean.media_type) == ("blur", "image/jpeg")
    assert 0 < clean.sigma < 1
    assert clean.array().shape == pixels.shape
    assert client.denoise(path.read_bytes()).data == client.denoise(str(path)).data


def test_open_files_are_read_from_where_they_are(client, pixels, tmp_path):
    path = client.noise(pixels, factor=0.1, seed=7).save(tmp_path / "noisy.png")
    expected = client.denoise(path)
    with path.open("rb") as file:
        assert client.denoise(file) == expected
    after = io.BytesIO(b"head" + path.read_bytes())
    after.seek(4)
    assert client.denoise(after) == expected
    with path.open("r", encoding="latin-1") as text, pytest.raises(TypeError, match="binary"):
        client.denoise(text)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_images_of_pillow_come_back_in_their_mode(client, pixels, mode):
    sent = Image.fromarray(pixels.astype(np.uint16)[..., 0] << 8)
    sent = sent if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    assert sent.mode == mode
    result = client.denoise(sent)
    assert (result.array() == client.denoise(np.asarray(sent)).array()).all()
    assert Image.open(io.BytesIO(result.data)).mode == mode


@pytest.mark.parametrize(
    ("mode", "back"),
    [("CMYK", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"), ("RGBX", "RGB"), ("PA", "RGBA")],
)
def test_images_of_pillow_that_are_no_png_come_back_in_rgb(client, pixels, mode, back):
    sent = Image.fromarray(pixels).convert("P" if mode == "PA" else mode).convert(mode)
    result = client.denoise(sent, strength=0)
    found = Image.open(io.BytesIO(result.data))
    assert found.mode == back
    assert np.abs(np.asarray(found, int) - np.asarray(sent.convert(back), int)).mean() < 4


@pytest.mark.parametrize(("mode", "dtype"), [("I", np.int32), ("F", np.float32)])
def test_numbers_of_pillow_come_back_as_they_went(client, pixels, mode, dtype):
    numbers = pixels[..., 0].astype(dtype) * 1000 - 500
    result = client.denoise(Image.fromarray(numbers), strength=0)
    found = Image.open(io.BytesIO(result.data))
    assert (found.mode, result.media_type) == (mode, "image/tiff")
    np.testing.assert_array_equal(np.asarray(found), numbers)


def test_an_image_of_pillow_in_lab_is_not_sent(client):
    with pytest.raises(TypeError, match="mode LAB cannot be sent"):
        client.denoise(Image.new("LAB", (3, 2)))


def test_none_stands_for_the_default(client, pixels):
    given = client.denoise(pixels, strength=None, model=None, format=None)
    assert given.media_type == "image/png"
    assert np.array_equal(given.array(), client.denoise(pixels).array())


def test_an_image_of_pillow_keeps_its_colour_profile(client, pixels):
    sent = Image.fromarray(pixels)
    sent.info["icc_profile"] = profile = ImageCms.ImageCmsProfile(
        ImageCms.createProfile("sRGB")
    ).tobytes()
    back = Image.open(io.BytesIO(client.denoise(sent).data))
    assert back.info["icc_profile"] == profile


def test_what_is_no_picture_at_all_is_not_sent(client):
    with pytest.raises(TypeError, match="list is not an image"):
        client.denoise([1, 2])


def test_a_result_is_shown_in_a_line_without_its_bytes(client, pixels):
    shown = repr(client.denoise(pixels))
    assert "image/png" in shown
    assert "data" not in shown


def test_changes_are_told(client, pixels):
    assert client.denoise(pixels).changes == ()
    alpha = np.dstack([pixels, pixels[..., :1]])
    with pytest.raises(Problem, match="transparency") as caught:
        client.denoise(alpha, format="jpeg")
    assert (caught.value.status, caught.value.code) == (422, "unsuitable-format")
    assert caught.value.request_id


def test_pictures_are_compared_and_models_listed(client, pixels):
    same = client.compare(pixels, pixels)
    assert (same.rmse, same.psnr, same.ssim) == (0, None, 1)
    assert [card["name"] for card in client.models()] == ["blur"]


def test_the_asynchronous_client_does_the_same(client, service, pixels):
    async def both():
        async with AsyncClient(service) as other:
            first, second = await asyncio.gather(other.denoise(pixels), other.noise(pixels, seed=1))
            comparison = await other.compare(pixels, second.array())
            return first, second, comparison, await other.models()

    first, second, comparison, cards = asyncio.run(both())
    assert first == client.denoise(pixels)
    assert second == client.noise(pixels, seed=1)
    assert comparison == client.compare(pixels, second.array())
    assert cards == client.models()


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2, 5), np.uint8), np.zeros(3), np.full((2, 2), 1.5)]
)
def test_an_array_that_is_no_picture_is_not_sent(client, wrong):
    with pytest.raises(ValueError, match=r"is not an image|between"):
        client.denoise(wrong)
    with pytest.raises(TypeError, match="int64"):
        client.denoise(np.zeros((2, 2), np.int64))


def test_it_asks_again_when_it_is_told_to(answering, pixels):
    url, requests = answering((503, BUSY, BODY), (429, BUSY, BODY), (200, PICTURE, b"picture"))
    began = time.monotonic()
    with Client(url, key="secret") as client:
        assert client.denoise(pixels).data == b"picture"
    assert time.monotonic() - began >= 2
    assert [request["authorization"] for request in requests] == ["Bearer secret"] * 3


@pytest.mark.parametrize("settings", [{"attempts": 1}, {"longest_wait": 0.5}])
def test_it_does_not_ask_for_ever(answering, settings):
    url, requests = answering((503, BUSY, BODY))
    with Client(url, **settings) as client, pytest.raises(Problem, match="Too busy") as caught:
        client.denoise(b"picture")
    assert (caught.value.code, caught.value.retry_after) == ("overloaded", 1)
    assert caught.value.request_id == "mine"
    assert len(requests) == 1


def test_the_asynchronous_client_asks_again_too(answering):
    url, requests = answering((503, BUSY, BODY), (200, PICTURE, b"picture"))

    async def denoise():
        async with AsyncClient(url) as client:
            return await client.denoise(b"picture")

    assert asyncio.run(denoise()).data == b"picture"
    assert len(requests) == 2


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{"])
def test_an_answer_of_somebody_else_is_a_problem_too(answering, body):
    kind = {"Content-Type": "application/problem+json" if body != b"<html>" else "text/html"}
    url, _ = answering((502, kind, body))
    with Client(url) as client, pytest.raises(Problem, match="Bad Gateway") as caught:
        client.denoise(b"picture")
    assert (caught.value.status, caught.value.code) == (502, "http-502")


def test_it_is_light():
    """Neither the service nor what it needs is imported with it."""
    code = """
import sys, denoiser_client
heavy = {"app", "fastapi", "imagecodecs", "keras", "pydantic", "tensorflow"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_job_is_followed_and_gives_what_denoise_gives(client, pixels):
    job = client.job(pixels, strength=0.5)
    *_, last = job.follow()
    assert last.ended
    assert (last.state, last.percent, last.seconds_left) == ("done", 100, None)
    assert job.status() == last
    assert (job.result().array() == client.denoise(pixels, strength=0.5).array()).all()
    job.cancel()
    for ask in (job.status, job.result, job.cancel):
        with pytest.raises(Problem) as refusal:
            ask()
        assert refusal.value.code == "unknown-job"


def test_a_job_that_fails_raises_what_denoise_raises(client, pixels):
    job = client.job(np.dstack([pixels, pixels[..., :1]]), format="jpeg")
    with pytest.raises(Problem) as refusal:
        job.result()
    assert refusal.value.code == "unsuitable-format"


def test_jobs_for_asyncio(service, pixels):
    async def run():
        async with AsyncClient(service) as client:
            job = await client.job(pixels)
            states = [status.state async for status in job.follow()]
            array = (await job.result()).array()
            assert (await job.status()).ended
            await job.cancel()
            with pytest.raises(Problem):
                await job.result()
            return states[-1], array

    state, array = asyncio.run(run())
    assert (state, array.shape) == ("done", pixels.shape)


def test_a_folder_is_sent_as_a_zip_and_comes_back_as_one(client, tmp_path):
    samples = np.random.default_rng(1).integers(0, 4096, (3, 20, 24), np.uint16)
    for name, data in files.series(samples, stored=12):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    os.utime(tmp_path / name, (0, 0))  # as images of containers have it, before zips can
    result = client.denoise(tmp_path)
    assert result.media_type == "application/zip"
    with zipfile.ZipFile(result.save(tmp_path / "result.zip")) as archive:
        assert archive.namelist() == ["scan/IM0000", "scan/IM0001", "scan/IM0002"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html"}, b"<html>log in first</html>"),
        ({"Content-Type": "application/json"}, b"[]"),
        ({"Content-Type": "image/png", "X-Noise-Sigma": "much"}, b"picture"),
        ({}, b""),
    ],
)
def test_what_another_service_answers_is_a_problem(answering, headers, body):
    calls = (
        lambda client: client.denoise(b"picture"),
        lambda client: client.compare(b"one", b"other"),
        lambda client: client.models(),
        lambda client: client.job(b"picture"),
    )
    url, _ = answering(*[(200, headers, body)] * len(calls))
    with Client(url) as client:
        for call in calls:
            with pytest.raises(Problem, match="not one of this service") as caught:
                call(client)
            assert caught.value.code == "http-200"


def test_a_job_of_which_nothing_is_told_is_not_asked_for_ever(answering):
    accepted = (202, {"Location": "/jobs/1"}, b"{}")
    nothing = (200, {"Content-Type": "text/event-stream"}, b"")
    status = (200, {"Content-Type": "application/json"}, b'{"state": "running", "percent": 1}')
    url, requests = answering(accepted, nothing, status)
    with Client(url) as client, pytest.raises(Problem, match="not one of this service"):
        client.job(b"picture").result()
    assert len(requests) == 3
