"""A real model package, small enough to make in a moment."""

import hashlib
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A shell starts what runs in its background with SIGINT ignored, which every process that a test
# starts and then interrupts would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The reference, unless a test says otherwise: a trial at every start would take most of the time.
os.environ.setdefault("DENOISER_ENGINE", "tensorflow")

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "denoiser", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("denoiser")

CARD = {
    "title": "Box blur",
    "description": "A fixed blur, for tests.",
    "architecture": "one 3x3 convolution",
    "parameters": 81,
    "gmac": 0.005,
    "floats_per_pixel": 3.0,
    "stride": 1,
    "halo": 8,
    "noise": "none in particular",
    "training_data": [{"name": "nothing", "images": 1, "terms": "none"}],
    "metrics": [
        {
            "dataset": "none",
            "protocol": "none",
            "sigma": 25.0,
            "psnr": 1.0,
            "ssim": 0.1,
            "rmse": 0.9,
        }
    ],
    "licence": "Apache-2.0",
    "created": "2026-01-01",
    "versions": {"keras": "3"},
}


def write_package(folder: Path, model: Any, **changes: Any) -> Path:
    """Saves a Keras model as the package `folder`, with a card that `changes` may falsify."""
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    data = (folder / "model.keras").read_bytes()
    found = {"name": folder.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "card.json").write_text(json.dumps(CARD | found | changes))
    return folder


def blur_model() -> Any:
    """Each channel blurred on its own by a 3x3 box."""
    from app.inference.engines import tensorflow  # noqa: F401, I001 - chooses the Keras backend
    import keras
    import numpy as np

    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[:, :, range(3), range(3)] = 1 / 9
    image = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)
    model = keras.Model(image, layer(image))
    layer.set_weights([kernel])
    return model


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def make_package(tmp_path: Path) -> Callable[..., Path]:
    """Makes the package `name` of a model (the blur by default) in a models/ folder of its own."""

    def make(name: str = "blur", model: Any = None, **changes: Any) -> Path:
        return write_package(tmp_path / "models" / name, model or blur_model(), **changes)

    return make


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models/ folder with one package, `blur`."""
    folder = tmp_path_factory.mktemp("models")
    write_package(folder / "blur", blur_model())
    return folder


@pytest.fixture
def environment(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings in the environment by which `blur` is the model."""
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(models))
    monkeypatch.setenv("DENOISER_MODEL", "blur")


@pytest.fixture(scope="session")
def models_for_scans(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models/ folder with `blur`, and the same for scans of modality MR as `scans`."""
    folder = tmp_path_factory.mktemp("scans") / "models"
    shutil.copytree(models / "blur", folder / "blur")
    shutil.copytree(models / "blur", folder / "scans")
    card = json.loads((folder / "scans" / "card.json").read_text())
    card |= {"name": "scans", "title": "Blur for scans", "description": "Blurs scans."}
    card |= {"modality": "MR"}
    (folder / "scans" / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nothing listens, and which the system assigns to nobody else."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server sets it
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
