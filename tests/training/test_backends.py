"""The same experiment on each Keras backend; what it writes is read by TensorFlow."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from training.checkpoint import load_network
from training.log import read_log

BACKENDS = [
    pytest.param(
        backend,
        marks=pytest.mark.skipif(find_spec(backend) is None, reason=f"{backend} not installed"),
    )
    for backend in ("tensorflow", "jax", "torch")
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_in_bfloat16_ends_in_a_float32_network(tmp_path, pictures, experiment, backend):
    source = experiment(
        steps=3, noise=""
    )  # of white and camera noise; the second epoch is cut short
    source.write_text(source.read_text().replace('"float32"', '"mixed_bfloat16"'))
    run = tmp_path / "run"
    command = ["-m", "training", "train", str(source), "--data", str(pictures), "--run", str(run)]
    subprocess.run(
        [sys.executable, *command], check=True, env=os.environ | {"KERAS_BACKEND": backend}
    )
    rows = read_log(run / "log.csv")
    assert [row["step"] for row in rows] == [2, 3]
    assert all(0 < row["loss"] < 1 for row in rows)
    network = load_network(run)
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    assert np.isfinite(network(np.ones((1, 8, 8, 3), np.float32))).all()
