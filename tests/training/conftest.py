"""Small pictures, an experiment that takes seconds, and one run of it for all that look at runs."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

EXPERIMENT = """
name = "tiny"
options = {{ widths = [4, 8], blocks = [1, 1] }}
seed = 3
[data]
patch = 32
validation = 4
[[data.folders]]
name = "squares"
terms = "made by the tests"
test_share = 0.25
{noise}
[schedule]
batch = 2
steps = {steps}
steps_per_epoch = 2
learning_rate = {rate}
warmup = 0
decay = 0
precision = "float32"
[card]
title = "Tiny"
[[trials]]
dataset = "squares"
sigmas = [25, 50]
test_share = 0.25
"""


def draw_pictures(folder: Path, count: int) -> Path:
    """Soft squares of random colours, 40 to 60 pixels a side, in two folders."""
    random = np.random.default_rng(0)
    for index in range(count):
        place = folder / "ab"[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        squares = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        size = tuple(random.integers(40, 60, 2).tolist())
        squares.resize(size, Image.Resampling.BICUBIC).save(place / f"{index:02}.png")
    return folder


def write_experiment(
    path: Path,
    *,
    steps: int = 4,
    rate: float = 1e-3,
    noise: str = "[noise.white]",
    extra: str = "",
) -> Path:
    """A TOML file of a network of 2,899 weights."""
    path.write_text(EXPERIMENT.format(steps=steps, rate=rate, noise=noise) + extra)
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty small pictures."""
    return draw_pictures(tmp_path_factory.mktemp("pictures"), 20)


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Path]:
    """Makes an experiment file of its own, with changes."""

    def make(**changes: Any) -> Path:
        return write_experiment(tmp_path / "experiment.toml", **changes)

    return make


@pytest.fixture
def disk_of() -> Callable[[int], AbstractContextManager[None]]:
    """A context in which no file can grow beyond so many bytes, as on a full disk."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """The folder of a finished run, to be looked at only."""
    from training.loop import train

    folder = tmp_path_factory.mktemp("run")
    train(
        write_experiment(folder / "given.toml"),
        pictures,
        folder / "run",
        console=Console(quiet=True),
    )
    return folder / "run"
