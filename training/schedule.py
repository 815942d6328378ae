"""The learning rate over a run."""

import math
from typing import Any

import keras
from keras import ops

from training.experiment import Schedule


class Trapezoid(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, a constant rate, then a cosine decay to zero over the last steps."""

    def __init__(self, schedule: Schedule) -> None:
        steps = schedule.steps
        self.peak = schedule.learning_rate
        self.warmup = max(1, round(schedule.warmup * steps))
        self.decay = max(1, round(schedule.decay * steps))
        self.decay_start = steps - round(schedule.decay * steps)

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step, counted from 0."""
        step = ops.cast(step, "float32")
        rise = ops.minimum(1.0, (step + 1) / self.warmup)
        into_decay = ops.clip((step - self.decay_start) / self.decay, 0.0, 1.0)
        return self.peak * rise * 0.5 * (1 + ops.cos(math.pi * into_decay))
