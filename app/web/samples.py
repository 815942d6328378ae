"""Draws the sample pictures of the page: `python -m app.web.samples` writes them again.

All are made of formulas and a fixed seed, so that the page can ship pictures that are
clean to begin with and owe nothing to anyone. Their noise, each picture's own kind, comes from
`/noise`, so that the page can measure against the original.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).parent / "static" / "samples"
SCALE = 2  # drawn this many times larger, then reduced, which smooths every edge

Plane = NDArray[np.float64]


def fractal(height: int, width: int, beta: float, seed: int, low: float = 0.0) -> Plane:
    """Noise whose power falls as 1 / frequency**beta, scaled to mean 0 and deviation 1.

    Frequencies under `low` cycles per picture are left out. Shape [height, width].
    """
    frequency = frequencies(height, width)
    gain = np.where(frequency > low, np.maximum(frequency, 1.0) ** (-beta / 2), 0.0)
    return coloured(height, width, gain, seed)


def labyrinth(height: int, width: int, cycles: float, spread: float, seed: int) -> Plane:
    """Noise of about one frequency in every direction: its zeros wind like a coastline."""
    gain = np.exp(-(((frequencies(height, width) - cycles) / spread) ** 2))
    return coloured(height, width, gain, seed)


def frequencies(height: int, width: int) -> Plane:
    """Cycles per picture of each term of `rfft2`."""
    rows = np.fft.fftfreq(height)[:, None] * height
    columns = np.fft.rfftfreq(width)[None, :] * width
    return np.asarray(np.hypot(rows, columns))


def coloured(height: int, width: int, gain: Plane, seed: int) -> Plane:
    """White noise filtered by `gain`, scaled to mean 0 and deviation 1."""
    white = np.random.default_rng(seed).standard_normal((height, width))
    plane = np.fft.irfft2(np.fft.rfft2(white) * gain, s=(height, width))
    return np.asarray((plane - plane.mean()) / plane.std())


def step(value: Plane, edge: float, softness: float) -> Plane:
    """0 below `edge`, 1 above it, and a smooth ramp of width `softness` between."""
    t = np.clip((value - edge) / softness + 0.5, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(under: Plane, over: Plane | float, amount: Plane) -> Plane:
    """`under` where `amount` is 0, `over` where it is 1."""
    return under + (over - under) * amount


def ellipse(x: Plane, y: Plane, at: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """1 at the centre of an ellipse, 0 on its rim, negative outside."""
    return np.asarray(1.0 - np.hypot((x - at[0]) / radii[0], (y - at[1]) / radii[1]))


def mri(size: int = 512) -> Image.Image:
    """Return an axial slice through an imaginary head, 8-bit grey."""
    n = size * SCALE
    y, x = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    warp = fractal(n, n, 3.6, seed=5)
    side = np.sqrt(x * x + 4e-4)  # |x|, rounded at the midline: left and right look alike
    y = y + 0.012 * warp
    head = ellipse(x, y, (0, 0), (0.74, 0.92))
    brain = ellipse(x, y, (0, 0.01), (0.645, 0.815)) + 0.008 * warp

    folds = labyrinth(n, n, cycles=15, spread=4, seed=12)
    folds = np.abs(folds + 0.65 * folds[:, ::-1] + 0.15 * warp)
    depth = np.clip(brain / 0.46, 0, 1)  # 0 at the surface of the brain
    sulci = 1 - step(folds + 0.75 * depth**2, 0.24, 0.24)
    cortex = 1 - step(np.minimum(folds + 1.2 * depth**2, 9 * depth), 0.95, 0.3)

    picture = np.zeros((n, n))
    picture = mix(picture, 0.62 + 0.05 * warp, step(head, 0.0, 0.012))  # scalp
    picture = mix(picture, 0.07, step(head, 0.05, 0.016))  # skull
    picture = mix(picture, 0.30, step(head, 0.062, 0.02) * (1 - step(head, 0.085, 0.02)))
    picture = mix(picture, 0.10, step(brain, -0.03, 0.02))  # fluid around the brain
    tissue = mix(np.full((n, n), 0.72) + 0.015 * warp, 0.47, cortex)
    tissue = mix(tissue, 0.13, sulci)
    picture = mix(picture, tissue, step(brain, 0.0, 0.02))

    inside = step(brain, 0.02, 0.02)
    for at, radii, grey in (
        ((0.17, 0.06), (0.10, 0.20), 0.53),  # deep grey matter
        ((0.09, 0.13), (0.07, 0.10), 0.49),
    ):
        picture = mix(picture, grey, step(ellipse(side, y, at, radii), 0.1, 0.18) * inside)
    horns = np.maximum(
        ellipse(side - 0.25 * (y + 0.2) ** 2, y, (0.075, -0.17), (0.052, 0.17)),
        ellipse(side - 0.35 * (y - 0.2), y, (0.105, 0.30), (0.055, 0.16)),
    )
    picture = mix(picture, 0.09, step(horns, 0.05, 0.14))  # ventricles
    cleft = ellipse(x + 0.006 * warp, y, (0, 0.0), (0.013, 0.80))
    outer = step(np.abs(y - 0.02), 0.36, 0.1)
    picture = mix(picture, 0.12, step(cleft, 0.1, 0.3) * outer * inside)
    return reduce(picture, size, size)


RIDGES = (  # height of the crest, roughness, colour: from the far range to the near shore
    (0.400, 0.050, (157, 171, 190)),
    (0.455, 0.052, (122, 143, 167)),
    (0.510, 0.040, (86, 113, 138)),
    (0.566, 0.030, (55, 86, 106)),
    (0.622, 0.014, (31, 60, 74)),
)
WATERLINE = 0.655


def landscape(width: int = 960, height: int = 640) -> Image.Image:
    """Mountains over a lake at first light, 8-bit RGB."""
    w, h = width * SCALE, height * SCALE
    y, x = np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")
    stops = (0.0, 0.22, 0.38, 0.52)
    shades = np.array([(96, 137, 178), (170, 192, 208), (240, 214, 190), (250, 202, 160)]) / 255
    sky = np.stack([np.interp(y, stops, shades[:, c]) for c in range(3)], axis=-1)
    clouds = fractal(h, w, 3.4, seed=4) + 0.9 * np.sin(34 * y + 3 * x)
    veil = step(clouds, 1.1, 2.2) * np.clip(1 - y / 0.45, 0, 1) * 0.55
    sky = blend(sky, (255, 243, 232), veil)
    glow = np.exp(-(((x - 0.68) / 0.22) ** 2 + ((y - 0.36) / 0.2) ** 2))
    sky = blend(sky, (255, 232, 196), 0.75 * glow)
    sun = ellipse(x * width / height, y, (0.68 * width / height, 0.345), (0.036, 0.036))
    picture = blend(sky, (255, 251, 238), step(sun, 0.0, 0.05))

    for layer, (crest, rough, colour) in enumerate(RIDGES):
        line = crest + rough * ridge(w, seed=20 + layer, beta=2.1 - 0.08 * layer)[None, :]
        texture = fractal(h, w, 2.4, seed=40 + layer)
        ground = np.broadcast_to(np.array(colour) / 255, picture.shape)
        mist = np.clip((y - crest + rough) / 0.16, 0, 1) * (0.5 - 0.09 * layer)
        ground = blend(ground, (226, 219, 212), mist)
        ground = ground * (1 + (0.010 + 0.012 * layer) * texture)[..., None]
        if layer >= 3:
            line = line - 0.018 * (layer - 2) * spires(w, seed=60 + layer)[None, :]
        picture = blend(picture, ground, step(y - line, 0.0, 0.002))

    picture = mirror(picture, y, h)
    shore = 0.93 + 0.028 * ridge(w, seed=77, beta=2.6)[None, :] - 0.05 * np.cos(5.2 * x - 0.4)
    wood = np.clip((np.abs(x - 0.55) - 0.26) / 0.3, 0, 1) ** 0.7
    shore = shore - 0.34 * wood * spires(w, seed=81, pitch=110)[None, :]
    grass = np.array((15, 33, 38)) / 255 * (1 + 0.22 * fractal(h, w, 1.6, seed=83))[..., None]
    return reduce(blend(picture, grass, step(y - shore, 0.0, 0.002)), width, height)


def blend(under: Plane, over: Plane | tuple[int, int, int], amount: Plane) -> Plane:
    """`mix` for colours: planes [height, width, 3], or an 8-bit triple, by [height, width]."""
    colour = np.array(over) / 255 if isinstance(over, tuple) else over
    return under + (colour - under) * amount[..., None]


def ridge(width: int, seed: int, beta: float) -> Plane:
    """Return the crest of a mountain range, [width], of mean 0 and standard deviation 1."""
    return fractal(1, 2 * width, beta, seed, low=1)[0, :width]


def spires(width: int, seed: int, pitch: int = 22) -> Plane:
    """Return the height of a row of conifers seen from afar at each column, [width]."""
    rng = np.random.default_rng(seed)
    columns = np.arange(width)
    top = np.zeros(width)
    for _ in range(3 * width // pitch):
        centre, tall = rng.uniform(0, width), rng.uniform(0.35, 1.0)
        away = np.abs(columns - centre) / (pitch * 0.7 * tall)
        branches = 0.3 * np.mod(away * 6 + 0.3 * np.sign(columns - centre), 1.0) * away**0.5
        top = np.maximum(top, tall * (1 - away - branches))
    return top


def mirror(picture: Plane, y: Plane, height: int) -> Plane:
    """Fill everything under the waterline with a rippled, slightly darker reflection."""
    line = int(WATERLINE * height)
    below = picture.copy()
    rows = np.arange(line, height)
    distance = (rows - line) / (height - line)
    sway = np.sin(2 * np.pi * 17 * np.log1p(5 * distance)) * 9 * distance**0.8
    source = np.clip(line - (rows - line) * 1.35 + sway, 0, line - 1).astype(int)
    below[rows] = picture[source]
    shift = np.sin(2 * np.pi * 41 * np.log1p(6 * distance)) * 14 * distance
    for row, by in zip(rows, shift.astype(int), strict=True):
        below[row] = np.roll(below[row], by, axis=0)
    deep = np.clip((y - WATERLINE) / (1 - WATERLINE), 0, 1)
    below[line:] = blend(below, (38, 70, 92), 0.12 + 0.42 * deep)[line:]
    return below


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


def reduce(planes: Plane, width: int, height: int) -> Image.Image:
    """Round planes in [0, 1] to 8 bits and reduce them by `SCALE`."""
    pixels = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)


SAMPLES: dict[str, Callable[[], Image.Image]] = {
    "mri": mri,
    "landscape": landscape,
    "text": text,
}


def write(folder: Path = FOLDER) -> None:
    """Draw every sample into `folder` as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SAMPLES.items():
        draw().save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    write()
