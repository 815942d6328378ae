"""What holds for every picture, whatever it is made of.

`INVARIANT_PICTURES=10000 pytest tests/inference/test_invariants.py` tries more of them than usual.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.imaging.blend import FULL, Strength
from app.imaging.codec import decode, encode
from app.imaging.orientation import orient
from app.imaging.picture import Format, Metadata, Picture
from app.imaging.range import Range
from app.inference.correction import Correction
from app.inference.denoiser import Denoiser
from app.inference.store import read_packages

PICTURES = int(os.environ.get("INVARIANT_PICTURES", "60"))
STRENGTHS = [FULL, Strength(0.5, 0.5), Strength(0.3, 1), Strength(0, 0)]
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"]


@pytest.fixture(scope="module")
def denoiser(models):
    denoiser = Denoiser.load(read_packages(models)["blur"], precision="float32")
    yield denoiser
    denoiser.close()


@st.composite
def pictures(draw):
    """Pictures of any type, range, size and channels, with what they may hide."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    channels = draw(st.sampled_from([1, 3]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from([0.0, 1e-4, 0.01, 0.5]))
    middle = draw(st.sampled_from([0.0, 0.25, 0.5]))
    span = share * float(info.max)
    values = middle * float(info.max) + span * random.uniform(-1, 1, (height, width, channels))
    pixels = np.clip(values, float(info.min), float(info.max) * (1 - 1e-9)).astype(dtype)
    if draw(st.booleans()):
        pixels[:] = pixels[..., :1]  # grey, stored as colour perhaps
    beside = draw(st.sampled_from(["nothing", "alpha", "extra"]))
    plane = random.integers(0, 3, (height, width)).astype(dtype)
    if dtype.kind == "f":
        bad = random.random(pixels.shape) < draw(st.sampled_from([0.0, 0.01]))
        pixels[bad] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    alpha, extra = (plane if beside == name else None for name in ("alpha", "extra"))
    if draw(st.integers(0, 4)) == 0:
        pixels[:] = pixels[0, 0]  # flat
    return Picture(pixels, alpha, Format.TIFF, extra=extra)


def turned(picture, orientation):
    """The picture as it is read from a file that says it is turned so."""
    block = Image.Exif()
    block[0x0112] = orientation
    exif = block.tobytes().removeprefix(b"Exif\0\0")
    file = encode(replace(picture, metadata=Metadata(exif=exif))).data
    return decode(file, max_pixels=300 * 300)


def is_flat(pixels, hidden):
    """Whether all that can be seen of a picture is of one colour."""
    planes = (pixels[..., c][~hidden[..., c]] for c in range(pixels.shape[2]))
    return all((plane == plane[:1]).all() for plane in planes)


@pytest.mark.timeout(600)  # with ten thousand pictures
@given(
    pictures(),
    st.sampled_from(STRENGTHS),
    st.sampled_from(["auto", "full", Range(-3, 40)]),
    st.sampled_from(["auto", "linear"]),
    st.integers(1, 8),
    st.sampled_from([1, 1, 2, 8]),
)
@settings(max_examples=PICTURES, suppress_health_check=list(HealthCheck))
def test_what_holds_for_every_picture(
    denoiser, stored, strength, range_, transfer, orientation, ensemble
):
    picture = turned(stored, orientation)
    for name in ("pixels", "alpha", "extra"):
        before, after = getattr(stored, name), getattr(picture, name)
        if before is None:
            assert after is None
        else:
            np.testing.assert_array_equal(after, orient(before, orientation))
    correction = Correction(strength, range_, transfer, ensemble=ensemble)
    result = denoiser.submit(picture, correction).result(60)
    before, after = picture.pixels, result.picture.pixels
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert result.picture.alpha is picture.alpha
    hidden = ~np.isfinite(before)
    if picture.alpha is not None:
        hidden |= (picture.alpha == 0)[..., None]
    np.testing.assert_array_equal(after[hidden], before[hidden])
    assert np.isfinite(after[~hidden]).all()
    if strength == Strength(0, 0):
        np.testing.assert_array_equal(after, before)
    visible = ~hidden.any(axis=-1)
    seen, found = before[visible], after[visible]
    if np.isfinite(before).all() and (seen == seen[:, :1]).all():  # grey
        np.testing.assert_array_equal(found, np.repeat(found[:, :1], before.shape[2], axis=1))
    if is_flat(before, hidden):
        np.testing.assert_array_equal(after, before)
    if picture.extra is not None:
        extra = result.picture.extra
        assert (extra.shape, extra.dtype) == (picture.extra.shape, picture.extra.dtype)
        assert strength != Strength(0, 0) or (extra == picture.extra).all()
    assert 0 <= result.sigma <= 1
    again = decode(encode(result.picture).data, max_pixels=300 * 300)
    np.testing.assert_array_equal(again.pixels, after)
