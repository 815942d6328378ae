"""What the suite runs of `python -m tests.hostile.differential`, and what its parts must tell."""

import imagecodecs
import numpy as np
import pytest

from app.imaging.formats.jpeg.frame import read_frame
from app.imaging.formats.jpeg.rebuild import rebuild
from app.imaging.formats.jpeg.segments import APP14, DHT, DQT, EOI, SOS
from tests.fidelity.files import NOISE, SMOOTH, by_pillow
from tests.hostile.attacks import progressive
from tests.hostile.differential import difference, markers, run, streams


def test_our_reading_and_the_decoders_agree(tmp_path, capsys):
    assert run(seconds=100, count=1500, seed=1, keep=tmp_path) == 0, capsys.readouterr().out


def test_made_up_streams_end_no_process():
    streams(seed=1)


@pytest.mark.parametrize(("samples", "kind"), [(NOISE, "PNG"), (SMOOTH, "JPEG"), (SMOOTH, "GIF")])
def test_good_files_make_no_difference(samples, kind):
    assert difference(by_pillow(samples, kind)) is None


def test_a_decoder_that_finds_another_size_is_told(monkeypatch):
    monkeypatch.setattr(imagecodecs, "png_decode", lambda _: np.zeros((9, 9, 3), np.uint8))
    assert difference(by_pillow(NOISE, "PNG")) == "decoded as [(9, 9, 3)]"


def test_other_pixels_are_told(monkeypatch):
    monkeypatch.setattr(imagecodecs, "jpeg8_decode", lambda _: np.zeros_like(SMOOTH))
    found = difference(by_pillow(SMOOTH, "JPEG"))
    assert found is not None
    assert "from Pillow's on average" in found


def test_markers_are_found_as_libjpeg_finds_them():
    data = progressive(64, 3, b"\xff\x01", enclosed=True)
    assert list(markers(data)).count(SOS) == 3
    plain = progressive(64, 3)
    frame = read_frame(plain)
    found = list(markers(rebuild(plain, frame, frame.transform).stream))
    assert found == [APP14, DQT, DHT, 0xC2, *[SOS] * 3, EOI]
