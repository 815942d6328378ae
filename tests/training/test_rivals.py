import sys

import numpy as np
import pytest
from PIL import Image

from app.imaging.metrics import psnr
from training.errors import TrainingError
from training.rivals import RIVALS, rival


def soft_picture():
    squares = np.random.default_rng(0).integers(0, 256, (5, 5, 3), np.uint8)
    picture = Image.fromarray(squares).resize((64, 64), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255


@pytest.mark.parametrize("name", ["nlm-skimage", "tv-skimage"])
def test_a_rival_removes_noise(name):
    clean = soft_picture()
    noise = 0.1 * np.random.default_rng(1).standard_normal(clean.shape)
    noisy = (clean + noise).astype(np.float32)
    restored = rival(name)(noisy, 0.1)
    assert restored.shape == clean.shape
    assert psnr(clean, restored) > psnr(clean, noisy) + 3


def test_the_noisy_picture_itself_is_the_measure_of_all():
    clean = soft_picture()
    assert rival("noisy")(clean, 0.1) is clean


@pytest.mark.parametrize("name", ["nlm-skimage", "tv-skimage"])
def test_where_there_is_no_noise_a_rival_removes_none(name):
    clean = soft_picture()
    assert rival(name)(clean, 0.0) is clean


def test_a_rival_that_is_not_installed_says_what_to_install(monkeypatch):
    for name in ("cv2", "bm3d", "pywt"):
        monkeypatch.setitem(sys.modules, name, None)
    for name, package in (("nlm-opencv", "opencv-python-headless"), ("bm3d", "bm3d")):
        with pytest.raises(TrainingError, match=f"pip install {package}"):
            rival(name)


def test_an_unknown_rival_is_refused():
    with pytest.raises(TrainingError, match=f"there is {', '.join(RIVALS)}"):
        rival("median")
