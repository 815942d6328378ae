"""Kinds of pictures that users of denoisers have had back wrong, each in several variants.

All go over HTTP and through the command line. The network is a blur, so that an answer shows what
it was given: neighbours, ranges, edges.
"""

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from app.cli import main
from tests.fidelity.files import FILM, Samples, linear_profile, png, png_chunk

HEIGHT, WIDTH = 24, 40
ACROSS = np.broadcast_to(np.linspace(0, 1, WIDTH), (HEIGHT, WIDTH))
INSIDE = np.s_[1:-1, 1:-1]  # where a blur leaves a slope as it was
HOLE = np.s_[8:16, 10:30]


class Variant(NamedTuple):
    """A file, what its response must satisfy, and whether that requires all responses."""

    name: str
    data: bytes
    check: Callable[..., None]


def tiff(samples: Samples, **options: Any) -> bytes:
    """Saved by tifffile."""
    file, options = io.BytesIO(), {"photometric": "minisblack"} | options
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


def read(data: bytes) -> Any:
    """The samples of an answer, by other libraries than ours."""
    if data[:2] in (b"II", b"MM"):
        return tifffile.imread(io.BytesIO(data))
    if data[:4] == b"\x89PNG":
        return imagecodecs.png_decode(data)
    if data[:4] == b"RIFF":
        return imagecodecs.webp_decode(data)
    if b"JXL " in data[:16]:
        return imagecodecs.jpegxl_decode(data)
    return np.asarray(Image.open(io.BytesIO(data)))


def top(dtype: np.dtype[Any]) -> float:
    """Floats are counts here."""
    return 5000 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def flat() -> Iterator[Variant]:
    """Fields of one colour, at any level, depth and size."""

    def check(answer: bytes, field: Samples) -> None:
        np.testing.assert_array_equal(read(answer), field)

    shapes = [(96, 96), (1, 1), (5, 97), (70, 66, 3)]
    for number, kind in enumerate(("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")):
        for place, level in enumerate((0.0, 0.0016, 0.37, 1.0)):
            shape, dtype = shapes[(number + place) % 4], np.dtype(kind)
            field = np.full(shape, int(level * top(dtype)), dtype)
            data = tiff(field, photometric="rgb" if len(shape) == 3 else "minisblack")
            yield Variant(f"flat-{kind}-{level}.tif", data, partial(check, field=field))
    for bits, colour in ((8, (232, 17, 2)), (16, (60_000, 100, 3))):
        field = np.full((50, 60, 3), colour, f"u{bits // 8}")
        data = png(field, bits, 2, interlaced=False)
        yield Variant(f"flat-{bits}.png", data, partial(check, field=field))


def ranges() -> Iterator[Variant]:
    """Values that fill a small part of their type, with and without hot pixels."""

    def check(answer: bytes, given: Samples, slack: float) -> None:
        found = read(answer)
        assert found.dtype == given.dtype
        error = np.abs(found.astype(float) - given)[INSIDE]
        assert np.quantile(error, 0.9) <= slack

    for kind, low, high in (
        ("u2", 100, 800),
        ("u2", 0, 4095),
        ("i2", -1000, 3000),
        ("u4", 0, 20_000),
        ("i4", -5000, 70_000),
        ("f4", -3, 40_000),
        ("f8", 1e-9, 3e-9),
    ):
        dtype = np.dtype(kind)
        slope = low + (high - low) * ACROSS
        given = slope.astype(dtype) if dtype.kind == "f" else np.rint(slope).astype(dtype)
        hot = given.copy()
        hot[5, 5] = hot[17, 30] = top(dtype) if dtype.kind != "f" else 1e3 * high
        for name, samples in (("clean", given), ("hot", hot)):
            # the blur may have been made in numbers of 8 bits
            holds = partial(check, given=given, slack=(high - low) / 256 + (dtype.kind != "f"))
            yield Variant(f"range-{kind}-{low}-{high}-{name}.tif", tiff(samples), holds)


def light() -> Iterator[Variant]:
    """Steps in linear light, which a perceptual blur leaves darker than a linear one does."""

    def check(answer: bytes) -> None:
        found = read(answer).astype(float)
        column = found[HEIGHT // 2].reshape(WIDTH, -1)[WIDTH // 2 - 1, 0]
        assert (
            0.01 < column / top(read(answer).dtype) < 0.2
        )  # a third of the way, and 1/3 if linear

    grain = 64 * (np.indices(ACROSS.shape).sum(0) % 2)  # flat areas would be kept
    step = np.where(ACROSS < 0.5, grain, 65_535 - grain).astype(np.uint16)[..., None]
    marks = {
        "gama": png_chunk(b"gAMA", (100_000).to_bytes(4, "big")),
        "cicp": png_chunk(b"cICP", bytes([1, 8, 0, 1])),
        "profile": png_chunk(b"iCCP", b"l\0\0" + imagecodecs.zlib_encode(linear_profile())),
    }
    for name, chunk in marks.items():
        colour = np.repeat(step, 3, axis=2)
        colour[..., 2] = colour[..., 2] // 2
        yield Variant(f"light-{name}.png", png(colour, 16, 2, chunk, interlaced=False), check)
    yield Variant("light-jxl.jxl", bytes(imagecodecs.jpegxl_encode(step[..., 0])), check)


def transparency() -> Iterator[Variant]:
    """What is hidden under alpha 0, in several colours: it stays, and is seen nowhere else."""

    def check(answer: bytes, answers: Mapping[str, bytes], first: str, given: Samples) -> None:
        found, other = read(answer), read(answers[first])
        np.testing.assert_array_equal(found[HOLE], given[HOLE])
        np.testing.assert_array_equal(found[..., -1], given[..., -1])
        seen = given[..., -1] > 0
        np.testing.assert_array_equal(found[seen], other[seen])

    random = np.random.default_rng(3)
    writers: dict[str, tuple[str, Callable[[Samples], bytes]]] = {
        "png8": ("u1", lambda s: png(s, 8, 6 if s.shape[2] == 4 else 4, interlaced=False)),
        "png16": ("u2", lambda s: png(s, 16, 6 if s.shape[2] == 4 else 4, interlaced=False)),
        "webp": ("u1", lambda s: bytes(imagecodecs.webp_encode(s, lossless=True))),
        "jxl": ("u2", lambda s: bytes(imagecodecs.jpegxl_encode(s, effort=1))),
        "tif": ("f4", partial(tiff, photometric="rgb", extrasamples=["unassalpha"])),
    }
    for kind, (dtype, write) in writers.items():
        for channels in (3, 1) if kind.startswith("png") else (3,):
            full = 1 if dtype == "f4" else np.iinfo(dtype).max
            shape = HEIGHT, WIDTH, channels
            plain = np.dstack([random.random(shape) * full, np.full(shape[:2], full)]).astype(dtype)
            first = f"hidden-{kind}-{channels}-0.{kind.rstrip('816')}"
            for number, colour in enumerate((0, full, "green", "noise")):
                given = plain.copy()
                hole = {"green": [0, full, 0][:channels]}.get(str(colour), colour)
                given[HOLE][..., :-1] = (
                    random.random((8, 20, channels)) * full if hole == "noise" else hole
                )
                given[HOLE][..., -1] = 0
                name = first.replace("-0.", f"-{number}.")
                yield Variant(name, write(given), partial(check, first=first, given=given))


def channels() -> Iterator[Variant]:
    """A channel that the file says nothing of."""

    def check(answer: bytes, given: Samples) -> None:
        with tifffile.TiffFile(io.BytesIO(answer)) as file:
            assert file.pages[0].extrasamples == (0,)
        found = read(answer).astype(float)
        rough = given.astype(float)
        assert np.std(found[INSIDE][..., -1]) < 0.6 * np.std(rough[INSIDE][..., -1])

    for kind in ("u1", "u2", "f4"):
        noise = np.random.default_rng(4).random((HEIGHT, WIDTH, 4))
        given = (noise * (1 if kind == "f4" else np.iinfo(kind).max)).astype(kind)
        data = tiff(given, photometric="rgb", extrasamples=["unspecified"], planarconfig="contig")
        yield Variant(f"channel-{kind}.tif", data, partial(check, given=given))


def bitmaps() -> Iterator[Variant]:
    """BMPs with an alpha that is 0 all over, as clipboards have them."""

    def check(answer: bytes) -> None:
        assert read(answer).shape == (HEIGHT, WIDTH, 3)

    pixels = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    pixels[..., 3] = 0
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    for size in (108, 124):
        head = struct.pack("<IiiHHIIiiII", size, WIDTH, HEIGHT, 1, 32, 3, pixels.nbytes, 0, 0, 0, 0)
        head = (head + masks).ljust(size, b"\0")
        whole = struct.pack("<2sIII", b"BM", 14 + size + pixels.nbytes, 0, 14 + size)
        yield Variant(f"clipboard-{size}.bmp", whole + head + pixels.tobytes(), check)


def numbers() -> Iterator[Variant]:
    """One sample that is no number: it stays so, alone."""

    def check(answer: bytes, given: Samples) -> None:
        found = read(answer)
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(given))
        seen = np.isfinite(given)
        np.testing.assert_array_equal(found[~seen], given[~seen])
        inside = np.abs(found[INSIDE][seen[INSIDE]] - given[INSIDE][seen[INSIDE]])
        assert inside.max() < 0.1 * np.ptp(given[seen])

    for kind in ("f2", "f4", "f8"):
        for number, value in enumerate((np.nan, np.inf, -np.inf)):
            given = (100 * ACROSS).astype(kind)
            given[9, 13] = value
            yield Variant(f"number-{kind}-{number}.tif", tiff(given), partial(check, given=given))


def jpegs() -> Iterator[Variant]:
    """Inks without Adobe's marker, and films behind a picture."""

    def inks(answer: bytes, expected: Samples) -> None:
        assert np.abs(read(answer).astype(float) - expected)[INSIDE].mean() < 6

    def film(answer: bytes) -> None:
        assert FILM[:40] not in answer
        assert b"MotionPhoto=" not in answer

    planes = (ACROSS[..., None] * np.array([200, 120, 60, 40])).astype(np.uint8)
    for quality in (80, 95):
        file = io.BytesIO()
        Image.fromarray(planes, "CMYK").save(file, "JPEG", quality=quality)
        data = file.getvalue()
        start = data.index(b"\xff\xee")
        bare = data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]
        shown = np.asarray(Image.open(io.BytesIO(bare)).convert("RGB")).astype(float)
        yield Variant(f"inks-{quality}.jpg", bare, partial(inks, expected=shown))
    file = io.BytesIO()
    words = b"<x xmlns:GCamera='http://ns.google.com/photos/1.0/camera/' GCamera:MotionPhoto='1'/>"
    Image.fromarray(planes[..., :3]).save(file, "JPEG", xmp=words)
    yield Variant("motion.jpg", file.getvalue() + FILM, film)


KINDS = (flat, ranges, light, transparency, channels, bitmaps, numbers, jpegs)
VARIANTS = {each.name: each for kind in KINDS for each in kind()}


@pytest.fixture(scope="module")
def by_command(tmp_path_factory, models):
    """The answers of the command line, for all files in one go."""
    given, made = (tmp_path_factory.mktemp(name) for name in ("given", "made"))
    for each in VARIANTS.values():
        (given / each.name).write_bytes(each.data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENOISER_MODELS_DIR", str(models))
        patch.setenv("DENOISER_MODEL", "blur")
        assert main(["denoise", str(given), "-o", str(made)]) == 0
    return {Path(name).stem: file_of(made, name).read_bytes() for name in VARIANTS}


def file_of(folder, name):
    """The answer to a file, which has another suffix where its format is not written."""
    return next(
        folder / f for f in (name, str(Path(name).with_suffix(".png"))) if (folder / f).exists()
    )


@pytest.fixture(scope="module")
def by_http(client):
    """The answers of the service."""
    answers = {}
    for each in VARIANTS.values():
        answer = client.post("/denoise", files={"image": (each.name, each.data)})
        assert answer.status_code == 200, (each.name, answer.text)
        answers[Path(each.name).stem] = answer.content
        assert ("film" in answer.headers.get("x-image-changes", "")) == ("motion" in each.name)
    return answers


@pytest.mark.parametrize("way", ["by_http", "by_command"])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_right_answer(name, way, request):
    answers, check = request.getfixturevalue(way), VARIANTS[name].check
    more = {"answers": answers} if name.startswith("hidden") else {}
    if more:
        more["answers"] = {f"{stem}{Path(name).suffix}": data for stem, data in answers.items()}
    check(answers[Path(name).stem], **more)
