import io

import numpy as np
import pytest
from PIL import Image

from tests.web import samples
from tests.web.photographs import PHOTOGRAPHS, QUALITY


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    samples.write(folder)
    return folder


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_the_committed_sample_is_what_the_code_draws(name, drawn):
    with (
        Image.open(drawn / f"{name}.png") as new,
        Image.open(samples.FOLDER / f"{name}.png") as committed,
    ):
        assert (new.mode, new.size) == (committed.mode, committed.size)
        difference = np.asarray(new, float) - np.asarray(committed, float)

    assert np.abs(difference).mean() < 0.5  # versions of FreeType and of the FFT differ a little


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_committed_photograph_is_what_the_code_makes(name):
    file = io.BytesIO()
    PHOTOGRAPHS[name]().save(file, "JPEG", quality=QUALITY)
    with Image.open(file) as new, Image.open(samples.FOLDER / f"{name}.jpg") as committed:
        assert (new.mode, new.size) == (committed.mode, committed.size)
        difference = np.asarray(new, float) - np.asarray(committed, float)
    assert np.abs(difference).mean() < 0.5


def test_every_photograph_says_where_it_comes_from():
    notice = (samples.FOLDER / "NOTICE.md").read_text()
    for path in samples.FOLDER.glob("*.*g"):
        assert f"`{path.name}`" in notice


def test_samples_are_small_to_fetch():
    assert sum(path.stat().st_size for path in samples.FOLDER.iterdir()) < 900_000
    assert sum(path.stat().st_size for path in samples.FOLDER.glob("*.jpg")) < 300_000
