"""Mountains over a lake."""

import numpy as np
from PIL import Image

from benchmarks.planes import SCALE, Plane, blend, ellipse, fractal, reduce, step

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
