"""An image from bytes to bytes in this process."""

import io

import numpy as np
import pytest
from PIL import Image

from app.service.local import Pipeline, load_denoiser, package_of
from app.service.options import DenoiseOptions
from app.settings import Settings


@pytest.fixture(scope="module")
def pipeline(models):
    """Makes the way of a picture by some options."""
    settings = Settings(models_dir=models, model="blur")
    denoiser = load_denoiser(package_of(DenoiseOptions(), settings), settings)
    yield lambda **options: Pipeline(denoiser, DenoiseOptions(**options), settings)
    denoiser.close()


def steps():
    """Dark and bright columns by turns, whose mean is another in linear light."""
    file = io.BytesIO()
    values = np.tile(np.array([[2000, 60000]], np.uint16), (16, 16))
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def mean(result):
    return np.asarray(Image.open(io.BytesIO(result.data)))[4:-4, 4:-4].mean()


def test_every_option_of_the_correction_is_heeded(pipeline):
    plain = mean(pipeline()(steps()))
    assert mean(pipeline(transfer="linear")(steps())) != pytest.approx(plain, rel=0.01)
    assert mean(pipeline(range="0:65535", strength=0)(steps())) == 31_000
