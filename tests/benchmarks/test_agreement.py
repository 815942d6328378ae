import numpy as np

from app.inference.engines import Precision
from app.inference.store import read_packages
from benchmarks.agreement import bounds, decibels


def test_decibels_are_those_of_each_set(models):
    package = read_packages(models)["blur"]
    grey = np.full((9, 7, 3), 100, np.uint8)
    near, far = ((np.full_like(grey, value), grey) for value in (110, 140))
    sets = [[near], [near, near], [near, far], [far]]
    found = decibels("tensorflow", Precision.FLOAT32, package, sets)
    assert found[0] == found[1] > found[2] > found[3]
    assert found[2] == np.mean([found[0], found[3]])


def test_an_engine_may_lose_little_and_gain_anything():
    found = {
        ("unet", "tensorflow", "float32"): [37.2, 33.2],
        ("unet", "tensorflow", "bfloat16"): [37.4, 33.19],
        ("unet", "openvino", "bfloat16"): [37.4, 33.17],
    }
    held = {bound.what: bound.holds for bound in bounds(found)}
    assert held == {
        "lost: unet, tensorflow, bfloat16": True,
        "lost: unet, openvino, bfloat16": False,
    }
