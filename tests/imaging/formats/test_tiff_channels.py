"""Stacks of several channels, by what OME-XML and ImageJ say of their pages."""

import io

import numpy as np
import pytest
import tifffile

from app.imaging import codec
from app.imaging.stack import Stack
from tests.fidelity.files import by_tifffile

PLANE = np.arange(48, dtype=np.uint16).reshape(6, 8)


def stack_of(data):
    header, picture = (
        codec.read_header(data),
        codec.decode(data, max_pixels=10**5),
    )
    assert header.stack == picture.stack
    return picture.stack


def pages(*sizes):
    return np.broadcast_to(PLANE, (*sizes, *PLANE.shape)).copy()


@pytest.mark.parametrize(
    ("axes", "sizes", "run"),
    [("CYX", (3,), 1), ("ZCYX", (2, 3), 1), ("CZYX", (3, 2), 2), ("TCZYX", (2, 3, 4), 4)],
)
def test_ome_says_in_which_order_channels_come(axes, sizes, run):
    samples = pages(*sizes)
    data = by_tifffile(samples, ome=True, metadata={"axes": axes}, photometric="minisblack")
    assert stack_of(data) == Stack(len(samples.reshape(-1, 6, 8)), channels=3, run=run)


def test_imagej_has_channels_first():
    data = by_tifffile(pages(2, 4, 3), imagej=True, metadata={"axes": "TZCYX"})
    assert stack_of(data) == Stack(24, channels=3)


@pytest.mark.parametrize(
    "said",
    [
        "ImageJ=1.53\nimages=4\nchannels=3\n",
        "ImageJ=1.53\nimages=4\nslices=4\n",
        "ImageJ=1.53\nimages=4\nchannels=0\nslices=4\n",
        "channels=4\n",
        "<OME><Pixels DimensionOrder='XYCZT' SizeC='3' SizeZ='1' SizeT='1'/></OME>",
        "<OME><Pixels DimensionOrder='XYCCC' SizeC='4'/></OME>",
        "<OME><Pixels SizeC='4'/></OME>",
        "<OME><Pixels DimensionOrder='XYCZT' SizeC='4'/><Pixels SizeC='4'/></OME>",
        "<OME><Pixels",
    ],
)
def test_what_does_not_fit_the_pages_is_passed_over(said):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        for each in pages(4):
            tiff.write(each, description=said, metadata=None, photometric="minisblack")
            said = ""
    assert stack_of(file.getvalue()) == Stack(4)


def test_pages_of_channels_come_back_as_they_were():
    samples = pages(3, 2) + np.arange(3, dtype=np.uint16)[:, None, None, None]
    data = by_tifffile(samples, ome=True, metadata={"axes": "CZYX"}, photometric="minisblack")
    result = codec.encode(codec.decode(data, max_pixels=10**5)).data
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(result)), samples)
