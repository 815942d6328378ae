"""Networks, and images for them."""

import keras
import numpy as np
from PIL import Image

from app.imaging.noise import add_noise
from app.inference.engines import Precision, engine
from app.inference.store import read_packages
from app.settings import PROJECT

PACKAGES = read_packages(PROJECT / "models")
SAMPLE = PROJECT / "app" / "web" / "static" / "samples" / "landscape.png"


def load(path, name, precision=Precision.FLOAT32):
    return engine(name).load(path, precision, threads=0)


def reference(path):
    return load(path, "tensorflow")


def noisy(height, width, sigma, channels=3):
    with Image.open(SAMPLE) as image:
        pixels = np.asarray(image.resize((width, height)))[..., :channels]
    return add_noise(pixels, sigma, seed=0)


def saved(folder, image, clean):
    """Saves the network from `image` to `clean` in a folder; returns its path."""
    path = folder / "model.keras"
    keras.Model(image, clean).save(path)
    return path
