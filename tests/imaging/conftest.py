"""Files to decode, made by libraries other than the code under test."""

import io
import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image


@pytest.fixture(scope="session")
def saved() -> Callable[..., bytes]:
    """Saves an array with Pillow: `saved(array, "PNG", mode="P", **options)`."""

    def save(pixels: Any, kind: str, mode: str | None = None, **options: Any) -> bytes:
        file = io.BytesIO()
        image = Image.fromarray(pixels)
        (image.convert(mode) if mode else image).save(file, kind, **options)
        return file.getvalue()

    return save


@pytest.fixture(scope="session")
def saved_tiff() -> Callable[..., bytes]:
    """Saves an array with tifffile."""

    def save(pixels: Any, **options: Any) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, **options)
        return file.getvalue()

    return save


@pytest.fixture(scope="session")
def opened() -> Callable[[bytes], Image.Image]:
    """Opens a file with Pillow."""

    def read(data: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(data))
        image.load()
        return image

    return read


@pytest.fixture(scope="session")
def colour() -> Any:
    """A picture of 7 rows and 9 columns in smooth colours, as `uint8`."""
    rows, columns = np.mgrid[0:7, 0:9]
    planes = np.stack([rows * 30, columns * 25, 255 - rows * 20 - columns * 5], axis=-1)
    return planes.astype(np.uint8)


@pytest.fixture(scope="session")
def smooth() -> Any:
    """Four smooth channels, 40 rows and 50 columns, that lossy formats hold closely, as `uint8`."""
    rows, columns = np.mgrid[0:40, 0:50]
    return np.dstack([rows * 5, columns * 4, rows + columns, 255 - rows * 6]).astype(np.uint8)


@pytest.fixture(scope="session")
def noise() -> Any:
    """Four channels of noise, 7 rows and 9 columns, as `uint16`."""
    return np.random.default_rng(0).integers(0, 65_536, (7, 9, 4), np.uint16)


@pytest.fixture(scope="session")
def srgb() -> bytes:
    """An ICC profile for RGB."""
    return bytes(imagecodecs.cms_profile("srgb"))


@pytest.fixture(scope="session")
def exif() -> Callable[..., Image.Exif]:
    """Makes EXIF with a camera's name, an exposure, a latitude, and an orientation."""

    def make(orientation: int = 1) -> Image.Exif:
        block = Image.Exif()
        block[0x0112] = orientation
        block[0x0110] = "Camera"
        block.get_ifd(0x8769)[0x829A] = 0.5
        block.get_ifd(0x8825)[0x0001] = "N"
        return block

    return make


@pytest.fixture(scope="session")
def inverting_profile() -> bytes:
    """An ICC profile for CMYK, and an absurd one: no ink is black, all inks are white."""
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65_536 if item % 4 == 0 else 0 for item in range(9)))
    lightness = [item.bit_count() * 255 // 4 for item in range(16)]  # by the inks that are there
    table = b"".join(
        [
            b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix,
            identity * 4,
            *(bytes([level, 128, 128]) for level in lightness),  # Lab without colour
            identity * 3,
        ]
    )
    header = bytearray(128)
    size = len(header) + 16 + len(table)
    struct.pack_into(">I4xI4s4s4s", header, 0, size, 0x0210_0000, b"prtr", b"CMYK", b"Lab ")
    header[36:40] = b"acsp"
    struct.pack_into(">3i", header, 68, 63_190, 65_536, 54_061)  # the white of D50
    return bytes(header) + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table
