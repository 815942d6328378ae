"""The training loop: an experiment in, a run folder with checkpoints and a log out."""

import csv
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from training.architectures import ARCHITECTURES
from training.data import Patches
from training.experiment import Experiment, Schedule
from training.noise import AddNoise


class Trapezoid(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, a constant stretch, then a cosine to zero."""

    def __init__(self, schedule: Schedule) -> None:
        self.peak = schedule.learning_rate
        self.steps = schedule.steps
        self.warmup = max(1, round(schedule.warmup * schedule.steps))
        self.decay = max(1, round(schedule.decay * schedule.steps))

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        rise = ops.minimum(1.0, (step + 1) / self.warmup)
        into_decay = ops.clip((step - (self.steps - self.decay)) / self.decay, 0.0, 1.0)
        return self.peak * rise * 0.5 * (1 + ops.cos(math.pi * into_decay))

    def get_config(self) -> dict[str, Any]:
        return {}


class Checkpoint(keras.callbacks.Callback):
    """After each epoch: everything needed to resume (`last.npz`), the averaged network, the log.

    Files are written beside their place and renamed into it: a crash leaves the old one whole.
    """

    def __init__(self, run: Path, network: keras.Model) -> None:
        super().__init__()
        self.run, self.network = run, network

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {}).get("loss", math.nan)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; try a lower rate")
        save_state(self.model, epoch + 1, self.run / "last.npz")
        save_averaged(self.model, self.network, self.run / "model.keras")
        with (self.run / "log.csv").open("a", newline="") as log:
            csv.writer(log).writerow([epoch, int(self.model.optimizer.iterations), loss])


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def save_state(model: keras.Model, epoch: int, path: Path) -> None:
    """Writes weights, optimizer, averages and random state to `path`, all or nothing."""
    arrays = {
        f"v{i}": ops.convert_to_numpy(v.value) for i, v in enumerate(_variables(model))
    }
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        np.savez(file, epoch=epoch, **arrays)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def load_state(model: keras.Model, path: Path) -> int:
    """Puts back what `save_state` wrote; returns the number of epochs done."""
    with np.load(path) as state:
        for index, variable in enumerate(_variables(model)):
            variable.assign(state[f"v{index}"])
        return int(state["epoch"])


def save_averaged(model: keras.Model, network: keras.Model, path: Path) -> None:
    """Writes `network` with the moving average of its weights; the live weights stay as they are."""
    live = [ops.convert_to_numpy(v.value) for v in network.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    temporary = path.with_name(f"_{path.name}")
    network.save(temporary)
    temporary.replace(path)
    for variable, value in zip(network.trainable_variables, live, strict=True):
        variable.assign(value)


def psnr(target: Any, output: Any) -> Any:
    """Mean PSNR in dB of the patches of a batch in [0, 1]."""
    squared = ops.mean(ops.square(ops.clip(output, 0.0, 1.0) - target), axis=(1, 2, 3))
    return ops.mean(-10.0 * ops.log10(squared + 1e-10))


def use_precision(precision: str) -> None:
    """float32, or bfloat16 in the way that is fastest on the backend in use.

    On TensorFlow's CPU kernels the graph rewrite by oneDNN is ahead of Keras's mixed policy.
    """
    if precision == "mixed_bfloat16" and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            tf.config.optimizer.set_experimental_options(
                {"auto_mixed_precision_onednn_bfloat16": True}
            )
            return
    keras.config.set_dtype_policy(precision)


def train(
    experiment: Experiment, data: Path, run: Path, *, start: Path | None = None
) -> keras.Model:
    """Trains, resuming from `run` where it holds a checkpoint; returns the averaged network.

    `start` is a saved network whose weights replace the random ones of a new run.
    Raises FileNotFoundError without images and FloatingPointError if the loss stops being finite.
    """
    schedule = experiment.schedule
    use_precision(schedule.precision)
    keras.utils.set_random_seed(experiment.seed)
    network = ARCHITECTURES[experiment.architecture](**experiment.options)
    if start is not None:
        network.load_weights(start)
    clean = keras.Input((None, None, 3))
    noise = AddNoise(**experiment.noise.model_dump(), seed=experiment.seed)
    model = keras.Model(clean, network(noise(clean)))
    optimizer = keras.optimizers.Adam(
        Trapezoid(schedule), use_ema=True, ema_momentum=schedule.ema, clipnorm=1.0
    )
    model.compile(optimizer=optimizer, loss=experiment.loss, metrics=[psnr], jit_compile=False)
    optimizer.build(model.trainable_variables)
    run.mkdir(parents=True, exist_ok=True)
    done = load_state(model, run / "last.npz") if (run / "last.npz").exists() else 0
    patches = Patches(
        experiment.data, data, batch=schedule.batch, steps=schedule.steps_per_epoch,
        seed=experiment.seed, epoch=done,
    )
    model.fit(
        patches,
        epochs=math.ceil(schedule.steps / schedule.steps_per_epoch),
        initial_epoch=done,
        callbacks=[Checkpoint(run, network)],
        verbose=2,
        shuffle=False,
    )
    return network
