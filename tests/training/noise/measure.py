"""Statistics of the noise that training draws, as JSON: python -m tests.training.noise.measure.

KERAS_BACKEND names the backend; every figure is of one family with all else switched off.
"""

import json
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from app.imaging.noise.colour import YCC
from training.noise.camera import camera, camera_residual
from training.noise.casts import local_mean
from training.noise.grain import grain_residual
from training.noise.jpeg import jpeg
from training.noise.lines import lines
from training.noise.mosaic import demosaic, mosaic
from training.noise.random import Random
from training.noise.sensor import sensor_residual
from training.noise.settings import Camera
from training.noise.smoothing import smoothed
from training.noise.srgb import srgb_residual

Array = NDArray[np.float32]
COUNT, SIDE = 24, 64


def plain(**changes: Any) -> Camera:
    """Camera noise with all that is not named switched off."""
    names = ("smoothed", "coarse", "lines", "grain", "clean_share", "jpeg", "rounded")
    return Camera(**dict.fromkeys(names, 0.0) | changes)


def flat(*level: float) -> Any:
    """Patches of one colour, grey for one level."""
    return ops.ones((COUNT, SIDE, SIDE, 3)) * ops.convert_to_tensor(level, "float32")


GREY, RED = flat(0.4), flat(0.5, 0.3, 0.3)


def white(random: Random) -> Any:
    """White noise of sigma 1."""
    return random.normal((COUNT, SIDE, SIDE, 3))


def array(values: Any) -> Array:
    """Values of the backend as NumPy's."""
    return np.asarray(ops.convert_to_numpy(values))


def correlation(plane: Array, lag: int, axis: int = 2) -> float:
    """Of a residual [n, h, w] with itself so many pixels further on, the mean over patches."""
    moved = np.moveaxis(plane, axis, -1)
    products = (moved[..., lag:] * moved[..., :-lag]).mean(axis=(1, 2))
    return float((products / (moved**2).mean(axis=(1, 2))).mean())


def in_srgb(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    even = plain(slope=(1e-3, 1e-3), offset=(10, 10))
    figures["srgb sigma"] = float(array(srgb_residual(RED, random, even)).std() * 255)
    rising = plain(slope=(30, 30), offset=(1e-3, 1e-3))
    dark, bright = (array(srgb_residual(flat(x), random, rising)).std() for x in (0.1, 0.4))
    figures["srgb bright to dark"] = float(bright / dark)
    return figures


def of_film(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    film = plain(grain_sigma=(12, 12))
    grain = array(grain_residual(RED, random, film))
    figures["grain between channels"] = float(np.ptp(grain, axis=-1).max())
    figures["grain sigma"] = float(array(grain_residual(flat(0.5), random, film)).std() * 255)
    each = [correlation(patch[None, ..., 0], 1) for patch in grain]
    figures["grain neighbours least"], figures["grain neighbours most"] = min(each), max(each)
    return figures


def of_sensors(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    quiet, loud = (plain(shot=(shot, shot)) for shot in (1e-4, 1e-2))
    sensor = array(sensor_residual(RED, random, loud))
    figures["sensor sigma"] = float(array(sensor_residual(RED, random, quiet)).std() * 255)
    figures["sensor loud to quiet"] = float(sensor.std() * 255) / figures["sensor sigma"]
    figures["sensor neighbours"] = correlation(sensor[..., 0], 1)
    figures["sensor lag 4"] = correlation(sensor[..., 0], 4)
    levels = {x: array(sensor_residual(flat(x), random, quiet)).std() for x in (0.02, 0.3, 0.98)}
    figures["sensor middle to white"] = float(levels[0.3] / levels[0.98])
    return figures


def of_demosaicing(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    colour = array(RED) + 0.3 * np.linspace(-1, 1, SIDE, dtype=np.float32)[:, None]
    for name, linear in (("malvar", False), ("bilinear", True)):
        again = array(demosaic(mosaic(ops.convert_to_tensor(colour)), linear))
        inside = np.abs(again - colour)[:, 4:-4, 4:-4]
        figures[f"{name} error"] = float(inside.max())
    return figures


def of_smoothing(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    noise = white(random)
    ways = {
        "usual": plain(low_chroma=0.0),
        "low chroma": plain(low_chroma=1.0),
        "coarse": plain(low_chroma=0.0, coarse=1.0),
    }
    for name, settings in ways.items():
        smooth = array(smoothed(noise, random, settings)) @ YCC.T
        luma, chroma = smooth[..., 0], smooth[..., 1:]
        figures[f"{name}: luma neighbours"] = correlation(luma, 1)
        figures[f"{name}: chroma to luma"] = float(chroma.std() / luma.std())
        figures[f"{name}: chroma neighbours"] = correlation(chroma[..., 0], 1)
        figures[f"{name}: chroma lag 4"] = correlation(chroma[..., 0], 4)
    return figures


def of_lines(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    rows = array(lines(white(random), random))
    figures["lines shape"] = float(rows.shape == (COUNT, SIDE, 1, 1))
    figures["lines sigma"] = float(rows.std())
    return figures


def of_cameras(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    usual = camera_residual(RED, random, Camera(clean_share=0.0, grain=0.0, smoothed=1.0))
    luma = (array(usual) @ YCC.T)[..., 0]
    figures["camera neighbours across"] = correlation(luma, 1)
    figures["camera neighbours down"] = correlation(luma, 1, axis=1)
    tinted = array(camera_residual(GREY, random, Camera()))
    figures["camera on grey, between channels"] = float(np.ptp(tinted, axis=-1).max())
    return figures


def of_casts(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    shifted = array(local_mean(GREY * 0 + 0.25))
    figures["mean of a constant"] = float(np.abs(shifted - 0.25).max())
    figures["mean of white noise"] = float(array(local_mean(white(random))).std())
    noisy, target = (array(x) for x in camera(flat(0.01), random, Camera(jpeg=0.0)))
    squares = (noisy - target).reshape(COUNT, 2, 32, 2, 32, 3).mean(axis=(2, 4))
    figures["casts left in targets"] = float(np.sqrt((squares**2).mean()) * 255)
    figures["casts of the noise"] = float(abs((noisy - 0.01).mean()) * 255)
    return figures


def of_jpeg(random: Random) -> dict[str, float]:
    figures: dict[str, float] = {}
    ramp = ops.linspace(0.2, 0.8, SIDE)[:, None, None] + 0.05 * white(random)
    for quality in (30.0, 95.0):
        stored = jpeg(ramp, random, (quality, quality))
        figures[f"jpeg error at {quality:g}"] = float(array(stored - ramp).std())
    return figures


def main() -> None:
    """Prints the figures."""
    random = Random(1)
    families = (
        in_srgb,
        of_film,
        of_sensors,
        of_demosaicing,
        of_smoothing,
        of_lines,
        of_cameras,
        of_casts,
        of_jpeg,
    )
    print(json.dumps({name: value for each in families for name, value in each(random).items()}))


if __name__ == "__main__":
    main()
