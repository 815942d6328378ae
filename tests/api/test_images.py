import io
import re

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from tests.api.conftest import listening
from tests.fidelity import files


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "PNG"), ("L", "PNG"), ("RGB", "JPEG"), ("RGB", "TIFF")]
)
def test_denoise_answers_the_callers_own_picture(client, image_file, mode, kind):
    response = client.post("/denoise", files={"image": image_file(33, 20, mode, kind)})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"image/{kind.lower()}"
    assert response.headers["x-model"] == "blur"
    assert 0 <= float(response.headers["x-noise-sigma"]) <= 1
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.size, image.mode, image.format) == ((33, 20), mode, kind)


def test_denoise_applies_the_model(client, image_file):
    data = image_file(33, 20)
    x = pixels(data).astype(float)
    blurred = sum(x[1 + i : 19 + i, 1 + j : 32 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    answer = pixels(client.post("/denoise", files={"image": data}).content)
    assert np.abs(answer[1:-1, 1:-1] - blurred).max() < 3  # of 255: it may run in bfloat16


def test_a_raw_body_and_a_form_are_the_same(client, image_file):
    data = image_file()
    form = client.post("/denoise", files={"image": ("a.png", data, "image/png")})
    raw = client.post("/denoise", content=data, headers={"Content-Type": "image/png"})
    assert form.status_code == raw.status_code == 200
    assert form.content == raw.content


def test_denoise_at_strength_zero_changes_nothing(client, image_file):
    data = image_file()
    answer = client.post("/denoise", params={"strength": 0}, files={"image": data})
    assert np.array_equal(pixels(answer.content), pixels(data))


def test_colour_has_a_strength_of_its_own(client, image_file):
    data = image_file(40, 30)

    def denoised(**shares):
        answer = client.post("/denoise", params=shares, files={"image": data})
        assert answer.status_code == 200
        return pixels(answer.content).astype(float)

    x, full = pixels(data).astype(float), denoised()
    luma = ((full - x) @ [0.299, 0.587, 0.114])[..., None]
    wanted = np.clip(x + 0.2 * luma + 0.9 * (full - x - luma), 0, 255)
    assert np.abs(denoised(strength=0.2, colour_strength=0.9) - wanted).max() <= 0.51
    assert np.array_equal(denoised(strength=0.4), denoised(strength=0.4, colour_strength=0.4))
    assert np.array_equal(denoised(colour_strength=1), full)


def test_an_ensemble_is_the_mean_over_orientations(application, image_file, wait_until):
    data = image_file(64, 64)
    with listening(application(lambda tiles: np.roll(tiles, 1, 1))) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        answer = client.post("/denoise?ensemble=2", files={"image": data})
        again = client.post("/denoise", data={"ensemble": "2"}, files={"image": data})
        job = client.post("/jobs?ensemble=2", files={"image": data}).headers["location"]
        wait_until(lambda: client.get(job).json()["state"] == "done")
        finished = client.get(f"{job}/result")
    x = pixels(data).astype(float)
    wanted = (np.roll(x, 1, 0) + np.roll(x, -1, 0)) / 2
    assert np.abs(pixels(answer.content) - wanted).max() <= 0.51
    assert answer.content == again.content == finished.content


def test_grey_pictures_ignore_the_strength_of_colour(client, image_file):
    data = image_file(mode="L")
    answers = [
        client.post("/denoise", params={"strength": 0.5} | more, files={"image": data}).content
        for more in ({}, {"colour_strength": 0}, {"colour_strength": 1})
    ]
    assert answers[0] == answers[1] == answers[2]


def test_denoise_answers_in_the_format_asked_for(client, image_file):
    answer = client.post(
        "/denoise",
        params={"format": "jpeg", "quality": 10, "model": "blur"},
        files={"image": image_file()},
    )
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'inline; filename="denoised.jpeg"'
    finer = client.post(
        "/denoise", params={"format": "jpeg", "quality": 95}, files={"image": image_file()}
    )
    assert len(finer.content) > len(answer.content)


def test_a_format_that_cannot_hold_the_picture_is_refused(client, image_file):
    answer = client.post(
        "/denoise", params={"format": "jpeg"}, files={"image": image_file(mode="RGBA")}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "unsuitable-format"


def test_the_same_seed_gives_the_same_noise(client, image_file):
    files = {"image": image_file()}
    first, second = (client.post("/noise", params={"seed": 7}, files=files) for _ in range(2))
    assert first.headers["x-noise-seed"] == "7"
    assert first.content == second.content
    assert client.post("/noise", params={"seed": 8}, files=files).content != first.content


def test_a_seed_that_was_drawn_can_be_used_again(client, image_file):
    files = {"image": image_file()}
    drawn = client.post("/noise", files=files)
    seed = drawn.headers["x-noise-seed"]
    assert client.post("/noise", params={"seed": seed}, files=files).content == drawn.content


@pytest.mark.parametrize(
    ("kind", "answered"), [("PNG", "png"), ("JPEG", "png"), ("WEBP", "png"), ("TIFF", "tiff")]
)
def test_noise_is_answered_without_loss(client, image_file, kind, answered):
    answer = client.post("/noise", files={"image": image_file(kind=kind)})
    assert answer.headers["content-type"] == f"image/{answered}"


def test_a_webp_without_loss_stays_one(client, image_file):
    data = image_file(kind="WEBP", lossless=True)
    answer = client.post("/noise", params={"factor": 0}, files={"image": data})
    assert answer.headers["content-type"] == "image/webp"
    assert np.array_equal(pixels(answer.content), pixels(data))


@pytest.mark.parametrize(("kind", "answered"), [("BMP", "png"), ("GIF", "png")])
def test_old_formats_are_answered_as_png(client, image_file, kind, answered):
    answer = client.post("/denoise", files={"image": image_file(kind=kind)})
    assert answer.headers["content-type"] == f"image/{answered}"


def test_noise_may_be_shared_by_the_channels(client, image_file):
    data = image_file(mode="L")
    grey = pixels(data)
    rgb = io.BytesIO()
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(rgb, "PNG")
    for channels, alike in (("shared", True), ("independent", False)):
        answer = client.post(
            "/noise", params={"channels": channels}, files={"image": rgb.getvalue()}
        )
        red, green, _ = np.moveaxis(pixels(answer.content), -1, 0)
        assert np.array_equal(red, green) is alike


def test_compare_measures(client, image_file):
    data = image_file(30, 30)
    noisy = client.post("/noise", params={"factor": 0.1, "seed": 1}, files={"image": data}).content
    measures = client.post("/compare", files={"reference": data, "image": noisy}).json()
    difference = pixels(data).astype(float) / 255 - pixels(noisy).astype(float) / 255
    rmse = np.sqrt(np.mean(difference**2))
    assert measures["rmse"] == pytest.approx(rmse, rel=1e-4)
    assert measures["psnr"] == pytest.approx(-20 * np.log10(rmse), rel=1e-4)
    assert -1 <= measures["ssim"] < 1


def test_nothing_differs_by_more_than_all_of_the_range(client):
    """The range of one sample is a thousandth of its value, which single precision rounds."""
    values = (np.full((1, 1), value, np.float32) for value in (0.51182163, 1e38))
    one, other = map(files.by_tifffile, values)
    answer = client.post("/compare", files={"reference": one, "image": other})
    assert answer.status_code == 200, answer.text
    assert 0.99 < answer.json()["rmse"] <= 1


def test_equal_pictures_have_no_finite_psnr(client, image_file):
    files = {"reference": image_file(), "image": image_file()}
    assert client.post("/compare", files=files).json() == {"rmse": 0, "psnr": None, "ssim": 1}


def test_grey_is_compared_with_colour_as_three_equal_channels(client, image_file):
    grey = image_file(mode="L")
    colour = io.BytesIO()
    Image.open(io.BytesIO(grey)).convert("RGB").save(colour, "PNG")
    files = {"reference": grey, "image": colour.getvalue()}
    assert client.post("/compare", files=files).json()["rmse"] == 0


def test_pictures_of_different_sizes_are_not_compared(client, image_file):
    stack = files.by_tifffile(np.zeros((2, 5, 4), np.uint8), photometric="minisblack")
    for image, size in ((image_file(5, 4), "5x4"), (stack, "4x5 in 2 frames")):
        upload = {"reference": image_file(4, 5), "image": image}
        answer = client.post("/compare", files=upload)
        assert answer.status_code == 422
        assert answer.json()["detail"] == f"The image is {size}, the reference 4x5."


def test_the_answer_tells_where_the_time_went(client, image_file):
    answer = client.post("/denoise", files={"image": image_file()})
    stages = re.findall(r"(\w+);dur=[\d.]+", answer.headers["server-timing"])
    assert stages == ["decode", "queue", "infer", "encode", "total"]


def test_the_range_that_is_worked_in_is_chosen_and_said(client):
    counts = np.random.default_rng(0).integers(100, 800, (30, 40), np.uint16)
    counts[0, :2] = 100, 799
    file = io.BytesIO()
    Image.fromarray(counts).save(file, "PNG")
    for asked, used in {"auto": "100:799", "full": "0:65535", "50:900": "50:900"}.items():
        answer = client.post("/denoise", params={"range": asked}, files={"image": file.getvalue()})
        assert answer.status_code == 200
        assert answer.headers["x-range"] == used
    refused = client.post("/denoise", params={"range": "9:1"}, files={"image": file.getvalue()})
    assert refused.status_code == 422
    said = "It must be auto, full, or LOW:HIGH with LOW less than HIGH."
    assert refused.json()["detail"] == f"range: {said}"


@pytest.mark.parametrize("ensemble", [1, 2])
def test_floats_beyond_the_range_that_is_asked_for_are_seen_at_its_ends(client, ensemble):
    """Even where that is the range in which networks take floats as they are."""
    values = np.random.default_rng(0).normal(0, 3, (64, 64)).astype(np.float32)
    asked = {"range": "0:1", "ensemble": ensemble}
    upload = {"image": files.by_tifffile(values)}
    answer = client.post("/denoise", params=asked, files=upload)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-range"] == "0:1"
    assert 0 < float(answer.headers["x-noise-sigma"]) < 1


COUNTS = np.random.default_rng(0).integers(100, 800, (30, 40), np.uint16)
NEGATIVES = {
    "tiff": files.by_tifffile(COUNTS, photometric="miniswhite"),
    "dicom": files.dicom(COUNTS, stored=12, photometric="MONOCHROME1"),
}


def stored(data):
    """The samples of a TIFF or a DICOM as they are stored, and what they stand for."""
    if data[:2] == b"II":
        page = tifffile.TiffFile(io.BytesIO(data)).pages.first
        return page.asarray(), page.photometric.name
    dataset = pydicom.dcmread(io.BytesIO(data))
    return dataset.pixel_array, dataset.PhotometricInterpretation


@pytest.mark.parametrize("kind", NEGATIVES)
def test_a_negative_is_returned_as_one_with_its_values_as_stored(client, kind):
    upload = NEGATIVES[kind]
    answer = client.post("/denoise", files={"image": upload})
    assert answer.headers["x-range"] == f"{COUNTS.min()}:{COUNTS.max()}"
    found, way = stored(answer.content)
    assert way == stored(upload)[1]
    assert abs(found.mean() - COUNTS.mean()) < 10
    assert found.std() < COUNTS.std() / 2
    for asked in ("100:799", "0:4095"):
        narrowed = client.post("/denoise", params={"range": asked}, files={"image": upload})
        assert narrowed.headers["x-range"] == asked
    removed = client.post("/denoise", params={"result": "residual"}, files={"image": upload})
    np.testing.assert_array_equal(stored(removed.content)[0], COUNTS - found.astype("f4"))


def test_8_bits_are_worked_on_as_they_are(client, image_file):
    answer = client.post("/denoise", files={"image": image_file()})
    assert answer.headers["x-range"] == "0:255"


NOISE = np.random.default_rng(0).integers(0, 4096, (5, 24, 20), np.uint16)
TWO = (*files.series(NOISE[:3], "1.2.1"), ("other", files.series(NOISE[3:4], "1.2.2")[0][1]))


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("result=residual", 422, "tiff cannot hold the 2 volumes"),
        ("format=dicom", 422, "dicom cannot hold the 2 volumes"),
    ],
)
def test_volumes_of_a_zip_are_answered_in_a_zip_alone(client, query, status, words):
    answer = client.post(f"/denoise?{query}", files={"image": files.zipped(*TWO)})
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)


def test_the_limit_of_pixels_counts_all_volumes(application, wait_until):
    app = application(lambda pixels: pixels, max_pixels=4 * 480 - 1)
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        answer = client.post("/denoise", files={"image": files.zipped(*TWO)})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-many-pixels")
        assert "1920 pixels in 2 volumes" in answer.json()["detail"]
        assert client.post("/denoise", files={"image": files.zipped(*TWO[:3])}).status_code == 200


def test_a_zip_is_one_image_for_the_other_operations(client):
    data = files.zipped(*files.series(NOISE, stored=12))
    noisy = client.post("/noise?factor=0.1", files={"image": data})
    assert noisy.headers["content-type"] == "application/zip"
    found = client.post("/compare", files={"reference": data, "image": noisy.content}).json()
    assert 0 < found["rmse"] < 0.2
    assert client.post("/noise", files={"image": files.zipped(*TWO)}).status_code == 415


@pytest.mark.parametrize(
    ("size", "status", "words"),
    [(60 << 20, 415, "The DICOM image is truncated"), (65 << 20, 413, "unpacks to more")],
)
def test_a_zip_bomb_is_refused_in_words(client, size, status, words):
    slice_ = files.dicom(NOISE[0], Rows=9000, Columns=9000) + bytes(size)
    answer = client.post("/denoise", files={"image": files.zipped(("a.dcm", slice_))})
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
