"""A JPEG that is answered as a JPEG is about as large."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from app.imaging.codec import decode, encode

MOST = 10**6


def jpeg(quality, sampling=2, kind="RGB", **options):
    pixels = np.random.default_rng(0).normal(128, 20, (96, 160, 3)).clip(0, 255)
    image, file = Image.fromarray(pixels.astype(np.uint8)).convert(kind), io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=sampling, **options)
    return file.getvalue()


@pytest.mark.parametrize("quality", [5, 30, 49, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("kind", ["RGB", "L"])
def test_the_quality_is_found(quality, kind):
    found = decode(jpeg(quality, kind=kind), max_pixels=MOST).metadata.jpeg
    assert found is not None
    assert found[0] == quality


@pytest.mark.parametrize(("sampling", "name"), [(0, "444"), (1, "422"), (2, "420")])
def test_the_sampling_of_colours_is_found_and_kept(sampling, name):
    picture = decode(jpeg(80, sampling), max_pixels=MOST)
    assert picture.metadata.jpeg == (80, name)
    again = decode(encode(picture).data, max_pixels=MOST)
    assert again.metadata.jpeg == (86, name)


def test_columns_that_have_become_rows_are_sampled_so():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(jpeg(80, 1, exif=exif), max_pixels=MOST)
    assert picture.metadata.jpeg == (80, "440")
    assert decode(encode(picture).data, max_pixels=MOST).metadata.jpeg == (86, "440")


@pytest.mark.parametrize("quality", [40, 75, 92])
def test_the_answer_is_about_as_large(quality):
    upload = jpeg(quality)
    picture = decode(upload, max_pixels=MOST)
    assert len(upload) < len(encode(picture).data) < 1.7 * len(upload)  # noise and all


def test_tables_of_a_cameras_own_are_near_some_quality():
    data = bytearray(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8), 80))
    place = data.index(b"\xff\xdb") + 5
    data[place : place + 64] = bytes(min(255, step + 1) for step in data[place : place + 64])
    found = decode(bytes(data), max_pixels=MOST).metadata.jpeg
    assert found is not None
    assert 70 < found[0] < 80
