"""A page of print."""

from typing import cast

from PIL import Image, ImageDraw, ImageFont

from benchmarks.planes import SCALE

TITLE = "On noise"
PARAGRAPHS = (
    "Every picture is a measurement, and every measurement is a little wrong. Light arrives in "
    "grains; a sensor counts them, and adds a murmur of its own. In bright sun nobody can tell. "
    "At dusk, in a fast exposure, in a scan that had to be short, the error grows until it lies "
    "over everything like sand on a map.",
    "To take it away again is to guess. Averaging the neighbours of a point removes the sand, "
    "and with it the roads. The useful question is which differences between neighbours belong "
    "to the world and which belong to the instrument. Edges continue, textures repeat, letters "
    "have a width; sand does none of these.",
    "A network that has seen many pictures with and without noise learns what usually continues. "
    "It is asked for the noise alone, which is then subtracted, so that what it does not "
    "recognise stays as it was.",
)
FINE_PRINT = (
    "This page is set in six sizes. After noise has been added and taken away, look for the",
    "smallest line that can still be read, and for the thin rules of the table below it.",
)
TABLE = (
    ("factor", "0.05", "0.10", "0.20", "0.40"),
    ("levels of 255", "13", "26", "51", "102"),
    ("seen at", "dusk", "night", "moon", "stars"),
)
PAPER, INK, FAINT = 246, 28, 120


def text(width: int = 744, height: int = 800) -> Image.Image:
    """Return a page of print with small type and thin rules, 8-bit grey."""
    page = Image.new("L", (width * SCALE, height * SCALE), PAPER)
    pen = ImageDraw.Draw(page)
    left, right, y = 76 * SCALE, (width - 76) * SCALE, 78 * SCALE
    pen.text((left, y), TITLE, INK, print_font(44))
    y += 74 * SCALE
    pen.line((left, y, right, y), INK, 2 * SCALE)
    y += 26 * SCALE
    for size, paragraph in zip((21, 18, 15), PARAGRAPHS, strict=True):
        font = print_font(size)
        for line, last in lines(paragraph, font, right - left):
            justify(pen, (left, y), line, font, None if last else right - left)
            y += int(1.5 * size) * SCALE
        y += 16 * SCALE
    for line in FINE_PRINT:
        pen.text((left, y), line, FAINT, print_font(12))
        y += 18 * SCALE
    rule(pen, left, right, y + 12 * SCALE)
    return page.resize((width, height), Image.Resampling.BOX)


def print_font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface, `size` pixels high in the finished picture."""
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size * SCALE))


def lines(words: str, font: ImageFont.FreeTypeFont, room: int) -> list[tuple[str, bool]]:
    """Break a paragraph into lines no wider than `room`; each with whether it is the last."""
    broken, line = [], ""
    for word in words.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) > room:
            broken.append(line)
            longer = word
        line = longer
    return [(each, False) for each in broken] + [(line, True)]


def justify(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    line: str,
    font: ImageFont.FreeTypeFont,
    room: int | None,
) -> None:
    """Write a line, its spaces widened to fill `room` where one is given."""
    words = line.split()
    gap = font.getlength(" ")
    if room is not None and len(words) > 1:
        gap = (room - sum(font.getlength(word) for word in words)) / (len(words) - 1)
    x = float(at[0])
    for word in words:
        pen.text((x, at[1]), word, INK, font)
        x += font.getlength(word) + gap


def rule(pen: ImageDraw.ImageDraw, left: int, right: int, y: int) -> None:
    """Draw the table, ruled with hairlines."""
    font = print_font(14)
    pen.line((left, y, right, y), INK, SCALE)
    for row in TABLE:
        for column, cell in enumerate(row):
            x = left + (right - left) * (0.0 if column == 0 else 0.28 + 0.18 * (column - 1))
            pen.text((x, y + 8 * SCALE), cell, INK, font)
        y += 32 * SCALE
        pen.line((left, y, right, y), INK, SCALE // 2)
