"""Every row of the table, through the API over a socket."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import imagecodecs
import nibabel
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from app.imaging.formats import FORMATS
from app.imaging.picture import Format
from tests.fidelity.__main__ import table
from tests.fidelity.cases import cases
from tests.fidelity.files import VOLUME_TYPES
from tests.fidelity.row import Refused

PAGE = Path(__file__).parents[2] / "docs/fidelity.md"
READERS = {
    "image/png": imagecodecs.png_decode,
    "image/jpeg": imagecodecs.jpeg8_decode,
    "image/webp": imagecodecs.webp_decode,
    "image/avif": imagecodecs.avif_decode,
    "image/jxl": imagecodecs.jpegxl_decode,
    "image/jp2": imagecodecs.jpeg2k_decode,
    "application/dicom": lambda data: pydicom.dcmread(io.BytesIO(data)).pixel_array,
    "application/zip": lambda data: by_zip(data),
    "image/fits": lambda data: by_cards(data),
    "image/x-fits-gzip": lambda data: by_cards(gzip.decompress(data)),
    "image/x-nifti": lambda data: by_nibabel(data),
    "application/gzip": lambda data: by_nibabel(gzip.decompress(data)),
    "image/x-mgh": lambda data: by_nibabel(without_intent(data), nibabel.MGHImage),
    "image/x-mgz": lambda data: by_nibabel(without_intent(gzip.decompress(data)), nibabel.MGHImage),
    "image/x-metaimage": lambda data: by_lines(data, "= ", b"LOCAL\n"),
    "image/x-nrrd": lambda data: by_lines(data, ": ", b"\n\n"),
    "image/x-portable-anymap": lambda data: by_netpbm(data),
    "image/tiff": lambda data: tifffile.imread(io.BytesIO(data)),
}
ITEMS = {"icc_profile": "profile", "xmp": "xmp", "dpi": "dpi", "comment": "comment"}


def by_nibabel(data, kind=None):
    nifti = nibabel.Nifti1Image if b"\x5c\1" in (data[:2], data[3:1:-1]) else nibabel.Nifti2Image
    kind = kind or nifti
    volume = np.asarray(kind.from_bytes(data).dataobj).T
    if volume.dtype.names:
        volume = np.stack([volume[each] for each in volume.dtype.names], -1)
        return volume.reshape(-1, *volume.shape[-3:])
    return volume.astype(volume.dtype.newbyteorder("=")).reshape(-1, *volume.shape[-2:])


def without_intent(data):
    return b"\0\0\0\1" + data[4:]  # nibabel takes the intent for a part of the version


def by_cards(data):
    start = data.index(b"END" + b" " * 77) // 2880 * 2880 + 2880
    cards = [data[place : place + 80] for place in range(0, start, 80)]
    value = {card[:8].strip(): card[10:31].strip() for card in cards}
    bits, offset = int(value[b"BITPIX"]), int(value.get(b"BZERO", 0))
    sides = [int(value.get(b"NAXIS%d" % n, 1)) for n in (3, 2, 1)]
    kind = f">f{-bits // 8}" if bits < 0 else f">i{bits // 8}" if bits > 8 else "u1"
    stored = np.frombuffer(data, kind, np.prod(sides), start).reshape(sides)[:, ::-1]
    if not offset:
        return stored.astype(stored.dtype.newbyteorder("="))
    return (stored.astype("i8") + offset).astype(f"{'i' if offset < 0 else 'u'}{bits // 8}")


def by_lines(data, sign, end):
    header, _, body = data.partition(end)
    said = dict(
        line.split(sign, 1)
        for line in header.decode().replace(" =", "=").split("\n")
        if sign in line
    )
    kind = said.get("type") or said["ElementType"]
    code = next(code for code, names in VOLUME_TYPES.items() if kind in names)
    is_big = said.get("endian") == "big" or said.get("BinaryDataByteOrderMSB") == "True"
    if said.get("encoding") == "gzip" or said.get("CompressedData") == "True":
        assert int(said.get("CompressedDataSize", len(body))) == len(body)
        body = zlib.decompress(body, 47)
    sizes = [int(size) for size in (said.get("sizes") or said["DimSize"]).split()][::-1]
    inner = said.get("kinds", "").split(" ")[0]
    if inner in ("RGB-color", "vector", "list"):
        *sizes, count = sizes
    else:
        count = int(said.get("ElementNumberOfChannels", 1))
    stored = np.frombuffer(body, (">" if is_big else "<") + code).astype(code)
    voxels = stored.reshape(-1, *sizes[-2:], count)
    if count == 3 and code in ("u1", "u2"):
        return voxels
    return np.moveaxis(voxels, -1, 0).reshape(-1, *sizes[-2:])


def by_netpbm(data):
    if data.startswith(b"P7"):
        head, _, samples = data.partition(b"ENDHDR\n")
        said = dict(line.split(b" ") for line in head.splitlines()[1:])
        *shape, white = (int(said[name]) for name in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL"))
    else:
        data = data.replace(b"# plain\n", b"", 1)
        kind, sides, most, samples = data.split(b"\n", 3)
        width, height = map(int, sides.split())
        shape, white = [height, width, 3][: 3 if kind == b"P6" else 2], int(most)
    found = np.frombuffer(samples, ">u2" if white > 255 else "u1").reshape(shape)
    assert found.max() <= white
    return found.astype(found.dtype.newbyteorder("="))


def by_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.startswith("scan/")]
        slices = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in sorted(names)]
    return np.stack([each.pixel_array for each in slices])


def metadata(data):
    with Image.open(io.BytesIO(data)) as image:
        found = {ITEMS[name] for name in image.info if name in ITEMS}
        if image.info.get("dpi", (72, 72))[0] <= 72:  # what Pillow says where a file says nothing
            found -= {"dpi"}
        block = image.getexif()
        if 0x0110 in block:
            found.add("exif")
            assert block.get(0x0112, 1) == 1
            found |= {"gps"} if block.get_ifd(0x8825) else set()
    return found


@pytest.mark.parametrize(
    "case", list(cases()), ids=lambda case: f"{case.section}: {case.upload} {case.query}"
)
def test_what_comes_back(case, client):
    answer = client.post(
        f"/denoise?strength=0&{case.query}",
        content=bytes(case.make()),
        headers={"Content-Type": "image/x"},
    )
    if isinstance(case.result, Refused):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (case.result.status, case.result.code)
        return
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FORMATS[case.result.format].media_type
    expected = case.result.samples
    samples = READERS[answer.headers["content-type"]](answer.content)
    assert (samples.shape, samples.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(
        samples.astype(float), expected.astype(float), rtol=0, atol=case.result.tolerance
    )
    changes = ", ".join(sorted(case.result.changes))
    assert answer.headers.get("x-image-changes", "") == changes
    if case.result.metadata:
        assert metadata(answer.content) == case.result.metadata


def test_every_format_that_is_written_is_answered():
    answered = {case.result.format for case in cases() if not isinstance(case.result, Refused)}
    assert answered == set(Format)


def test_the_page_is_what_the_command_prints():
    assert PAGE.read_text() == table()
