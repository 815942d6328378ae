"""Files to pictures and back, in confined processes, from threads."""

import os
import signal
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest

from app.imaging.codec import encode
from app.imaging.picture import Format, Metadata, TooManyPixels, UnreadableImage, UnsuitableFormat
from app.sandbox import scratch
from app.service.codec import ConfinedCodec
from app.settings import Settings
from tests.sandbox.conftest import picture, png

EXIF = b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x04\0\0\0sea\0\0\0\0\0"
"""A description alone."""


@pytest.fixture(scope="module")
def codec():
    with ConfinedCodec(Settings(codec_processes=1, max_pixels=10**6)) as codec:
        yield codec


@pytest.mark.parametrize("side", [40, 900])
def test_a_picture_comes_back_with_all_that_belongs_to_it(codec, side):
    given = picture(side, side, alpha=True, metadata=Metadata(exif=EXIF))
    assert (given.pixels.nbytes > scratch.SIZE) is (side == 900)
    before = codec.decode(encode(given, Format.PNG).data)
    after = codec.decode(bytes(codec.encode(before, Format.PNG).data))
    assert (after.metadata, after.format) == (before.metadata, Format.PNG)
    np.testing.assert_array_equal(after.pixels, given.pixels)
    np.testing.assert_array_equal(after.alpha, given.alpha)
    assert before.metadata.exif
    bare = codec.decode(bytes(codec.encode(before, Format.PNG, strip=True).data))
    assert bare.metadata.exif is None


def test_what_cannot_be_is_told_in_the_words_of_the_codecs(codec):
    with pytest.raises(TooManyPixels):
        codec.decode(png(1001, 1000))
    with pytest.raises(UnreadableImage):
        codec.decode(png()[:60])
    with pytest.raises(UnsuitableFormat):
        codec.encode(picture(alpha=True), Format.JPEG)
    assert codec.decode(png()).size == 2000


def test_what_is_in_progress_is_given_up_at_the_end():
    codec = ConfinedCodec(Settings(codec_processes=1))
    codec.decode(png())
    worker = codec._sandbox._idle[0].link
    os.kill(worker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(codec.decode, png())
        while not worker.busy:
            time.sleep(0.01)
        codec.close()
        assert isinstance(waiting.exception(60), CancelledError)


def test_a_thread_that_comes_while_it_ends_is_told_so(monkeypatch):
    codec, errors = ConfinedCodec(Settings(codec_processes=1)), []

    def come():
        try:
            codec.decode(png())
        except BaseException as error:
            errors.append(error)

    late, end = threading.Thread(target=come, daemon=True), codec._sandbox.close

    def ending():
        late.start()
        late.join(1)  # at once, unless it waits for an answer that never comes
        end()

    monkeypatch.setattr(codec._sandbox, "close", ending)
    codec.close()
    late.join(60)
    assert [str(error) for error in errors] == ["the codec is closed"]


def test_a_thread_that_comes_after_the_end_is_told_so_and_nothing_else_is_said():
    codec = ConfinedCodec(Settings(codec_processes=1))
    codec.close()
    with pytest.raises(RuntimeError, match="closed"):
        codec.decode(png())
