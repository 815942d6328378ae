"""Draw images without noise: text, charts, shapes, flat colours, screens, patterns and pixels.

They have what photographs lack: hard edges, saturated colours up to the limits of the range, and
flat areas without any texture. Nothing is read from files; the font is Pillow's own.
"""

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Subject = Literal["text", "chart", "shapes", "flat", "screen", "pattern", "pixels"]
Colour = tuple[int, int, int]
Random = np.random.Generator

SUBJECTS: tuple[Subject, ...] = get_args(Subject)
MEASURED: tuple[Subject, ...] = tuple(subject for subject in SUBJECTS if subject != "pixels")
"""What trials draw by default: not pixels, which cannot be told from impulse noise."""
FOR_TRAINING, FOR_TRIALS = 0, 1
"""Seeds: networks are evaluated on other drawings than those they were trained on."""

SIDES = (320, 513)
"""The range of sides in pixels, from the shortest to one more than the longest."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
CORNERS: tuple[Colour, ...] = tuple(
    (red, green, blue) for red in (0, 255) for green in (0, 255) for blue in (0, 255)
)
"""The colours whose channels are all 0 or 255."""

BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
"""Thresholds of ordered dither, of 16 (B. E. Bayer, 1973)."""

VOCABULARY = (
    "and are as at axis back button by count day edit error field file for form from help home in "
    "is it item left level light line list menu month name new next of off on one open or page "
    "paper point price print rate report right row save sample scale search see set share sheet "
    "size state step table test text that the time title to total under unit up value view was "
    "week when will with word year you zone 0 1 2 3.5 10 42 96% 128 2024 -7"
)


def draw(
    count: int, seed: int, subjects: tuple[Subject, ...] = SUBJECTS
) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` images [height, width, 3] of 320 to 512 pixels a side; subjects alternate.

    Each image depends on `seed`, its number and the subjects alone.
    """
    for index in range(count):
        random = np.random.default_rng((seed, index))
        width, height = random.integers(*SIDES, 2).tolist()
        image = Image.new("RGB", (width, height), _colour(random))
        yield np.array(_DRAW[subjects[index % len(subjects)]](image, random))


def _text(image: Image.Image, random: Random) -> Image.Image:
    """Draw lines of words in one size, mostly black on white or vice versa."""
    paper, ink = _colour(random), _colour(random)
    if random.random() < 0.6:
        paper, ink = (WHITE, BLACK) if random.random() < 0.7 else (BLACK, WHITE)
    image.paste(paper, (0, 0, *image.size))
    size = int(random.integers(9, 40))
    _paragraph(image, random, (10, 10, *image.size), size, ink)
    return image


def _chart(image: Image.Image, random: Random) -> Image.Image:
    """Draw bars and a curve between two axes, under a title."""
    image.paste(WHITE, (0, 0, *image.size))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = 30, 40, image.width - 20, image.height - 40
    count = int(random.integers(4, 14))
    step = (right - left) / count
    for index in range(count):
        x, height = left + index * step, random.uniform(0.1, 1.0) * (bottom - top)
        outline = _colour(random) if random.random() < 0.4 else None
        bar = (x + 2, bottom - height, x + 0.8 * step, bottom)
        pen.rectangle(bar, _colour(random), outline)
    heights = random.uniform(top, bottom, 20)
    curve = list(zip(np.linspace(left, right, 20).tolist(), heights.tolist(), strict=True))
    pen.line(curve, _colour(random), int(random.integers(1, 5)))
    pen.line((left, top, left, bottom, right, bottom), BLACK, 2)
    pen.text((image.width // 3, 8), _phrase(random, 3), BLACK, ImageFont.load_default(20))
    return image


def _shapes(image: Image.Image, random: Random) -> Image.Image:
    """Draw overlapping rectangles, ellipses and lines, some cut off by the edge."""
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(5, 40))):
        x, y = random.integers(-50, image.size).tolist()
        width, height = random.integers(5, 220, 2).tolist()
        box, colour = (x, y, x + width, y + height), _colour(random)
        match random.integers(3):
            case 0:
                pen.rectangle(box, colour)
            case 1:
                pen.ellipse(box, colour)
            case _:
                pen.line(box, colour, int(random.integers(1, 8)))
    return image


def _flat(image: Image.Image, random: Random) -> Image.Image:
    """Draw four flat quarters, most of them in saturated colours."""
    x, y = image.width // 2, image.height // 2
    for box in ((0, 0, x, y), (x, 0, image.width, y), (0, y, x, image.height)):
        image.paste(_colour(random), box)
    return image


def _screen(image: Image.Image, random: Random) -> Image.Image:
    """Draw panels with rounded corners and a few words in each."""
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(4, 10))):
        x, y = (random.uniform(0.0, 0.8, 2) * image.size).astype(int).tolist()
        width, height = random.integers((80, 30), (300, 200)).tolist()
        box = (x, y, min(x + width, image.width - 1), min(y + height, image.height - 1))
        pen.rounded_rectangle(box, int(random.integers(0, 12)), _colour(random), _colour(random))
        _paragraph(image, random, (x + 8, y + 6, *box[2:]), int(random.integers(9, 16)))
    return image


def _pattern(image: Image.Image, random: Random) -> Image.Image:
    """Draw a gradient between two colours and, sometimes, a checkerboard over half of it."""
    y, x = np.mgrid[0.0 : image.height, 0.0 : image.width]
    angle = random.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * x + np.sin(angle) * y
    ramp = ((ramp - ramp.min()) / np.ptp(ramp))[..., None]
    values = (1 - ramp) * _colour(random) + ramp * _colour(random)
    if random.random() < 0.5:
        cell = random.choice((1, 2, 3, 4, 6, 8, 16))
        odd = ((x // cell + y // cell) % 2 == 1)[..., None]
        half = slice(image.height // 2)
        values[half] = np.where(odd, _colour(random), _colour(random))[half]
    return Image.fromarray(np.rint(values).astype(np.uint8))


def _pixels(image: Image.Image, random: Random) -> Image.Image:
    """Draw shapes, and areas of dots, hatching, dither and thin lines, which look like noise."""
    values = np.array(_shapes(image, random))
    for _ in range(int(random.integers(2, 6))):
        top, left = (random.uniform(0.0, 0.9, 2) * values.shape[:2]).astype(int).tolist()
        height, width = random.integers(30, 220, 2).tolist()
        area = values[top : top + height, left : left + width]
        if random.random() < 0.5:
            area[:] = _colour(random)
        area[_mask(random, *area.shape[:2])] = _colour(random)
    return Image.fromarray(values)


def _mask(random: Random, height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixels of an area [height, width] are inked."""
    y, x = np.mgrid[:height, :width]
    down, across = random.integers(2, 8, 2).tolist()
    mask: NDArray[np.bool_]
    match random.integers(6):
        case 0:
            mask = (y % down == 0) & (x % across == 0)
        case 1:
            mask = (x + (down - 1) * y) % across == 0
        case 2:
            cell = int(random.integers(1, 4))
            mask = (x // cell + y // cell) % 2 == 1
        case 3:
            mask = random.random((height, width)) < random.choice((0.002, 0.01))
        case 4:
            mask = y % (down + 1) == 0 if random.random() < 0.5 else x % (across + 1) == 0
        case _:
            mask = BAYER[y % 4, x % 4] < 16 * x / width
    return mask


def _paragraph(
    image: Image.Image,
    random: Random,
    box: tuple[int, int, int, int],
    size: int,
    ink: Colour | None = None,
) -> None:
    """Draw lines of words from the upper left corner of the box to its bottom, cut off at its
    right.
    """
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return
    area = image.crop(box)
    pen, font = ImageDraw.Draw(area), ImageFont.load_default(size)
    ink, pitch = ink or _colour(random), size * random.uniform(1.1, 1.7)
    for y in np.arange(0, bottom - top - size, pitch):
        pen.text((0, int(y)), _phrase(random, 12), ink, font)
    image.paste(area, (left, top))


def _phrase(random: Random, words: int) -> str:
    return " ".join(random.choice(VOCABULARY.split(), words))


def _colour(random: Random) -> Colour:
    """Return one of the eight corners of the colour cube, or any colour."""
    if random.random() < 0.35:
        return CORNERS[random.integers(len(CORNERS))]
    red, green, blue = random.integers(0, 256, 3).tolist()
    return red, green, blue


_DRAW: dict[Subject, Callable[[Image.Image, Random], Image.Image]] = {
    "text": _text,
    "chart": _chart,
    "shapes": _shapes,
    "flat": _flat,
    "screen": _screen,
    "pattern": _pattern,
    "pixels": _pixels,
}
