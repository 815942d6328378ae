"""Measure whether the input pipeline keeps up with the network."""

import time
from typing import Any

import keras
from keras import ops

from training.patches import Batch, Patches

SECONDS = 0.5
STEPS = 2


class Repeated(keras.utils.PyDataset):
    """One batch, repeated: an input pipeline that costs nothing."""

    def __init__(self, batch: Batch, steps: int) -> None:
        super().__init__()
        self.batch, self.steps = batch, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Batch, Batch]:
        return self.batch, self.batch


def pipeline_rate(patches: Patches) -> float:
    """Return the patches per second that one thread prepares."""
    began = time.monotonic()
    drawn = 0
    while (elapsed := time.monotonic() - began) < SECONDS or not drawn:
        drawn += len(patches.draw(patches.done + drawn))
    return drawn / elapsed


def step_rate(model: Any, patches: Patches) -> float:
    """Return the patches per second that the compiled `model` learns from, without waiting for any.

    It trains for a few steps, and then restores all its variables.
    """
    variables = [*model.variables, *model.optimizer.variables]
    before = [ops.convert_to_numpy(variable.value).copy() for variable in variables]
    batch = patches.draw(patches.done)
    elapsed = 0.0
    for steps in (1, STEPS):  # the first time includes tracing and compilation
        began = time.monotonic()
        model.fit(Repeated(batch, steps), verbose=0, shuffle=False)
        elapsed = time.monotonic() - began
        # After each fit, which leaves averages and weights in one buffer; JAX refuses to share it.
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
    return STEPS * len(batch) / elapsed
