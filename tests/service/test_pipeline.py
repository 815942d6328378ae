"""An image from bytes to bytes, by threads."""

import io
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image

from app.imaging.picture import UnreadableImage
from app.service import local
from app.service.options import DenoiseOptions
from app.service.pipeline import Pipeline
from app.settings import Settings
from tests.fidelity.files import nifti


@pytest.fixture
def pipeline(models):
    """Makes a pipeline by some options."""
    settings = Settings(models_dir=models, model="blur", codec_processes=1)
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(Pipeline(DenoiseOptions(**options), settings))


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


def test_a_model_that_cannot_be_loaded_leaves_nothing_running(models, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(local, "load_denoiser", fail)
    settings = Settings(models_dir=models, model="blur", codec_processes=1)
    before = set(threading.enumerate())
    with pytest.raises(MemoryError):
        Pipeline(DenoiseOptions(), settings)
    assert "codec" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_scans_get_the_model_for_them_unless_another_is_named(models_for_scans):
    settings = Settings(models_dir=models_for_scans, model="blur", codec_processes=1)
    volume = nifti(np.random.default_rng(0).integers(0, 99, (2, 9, 9), np.uint8))
    tiles, worked = {}, {}
    for name in (None, "blur"):
        with Pipeline(DenoiseOptions(model=name), settings) as pipeline:
            worked[name] = pipeline(volume).model
            loaded = pipeline._denoisers._loaded
            tiles[name] = {model: denoiser.stats.tiles for model, denoiser in loaded.items()}
    assert worked == {None: "scans", "blur": "blur"}
    assert tiles == {None: {"blur": 0, "scans": 2}, "blur": {"blur": 2}}


def test_an_image_whose_decoder_crashes_costs_nothing_but_itself(pipeline):
    denoise = pipeline()
    denoise(steps())
    worker = denoise._codec._sandbox._idle[0].link
    os.kill(worker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(denoise, steps()) for _ in range(2)]
        while not worker.busy:
            time.sleep(0.01)
        os.kill(worker.pid, signal.SIGSEGV)
        os.kill(worker.pid, signal.SIGCONT)
        failed = [each.exception(60) for each in both if each.exception(60)]
    assert [type(error) for error in failed] == [UnreadableImage]
