"""The training loop, from an experiment to a run folder with checkpoints and a log."""

import json
import math
import os
import shlex
import time
from pathlib import Path
from typing import Any

import keras
from keras import ops
from rich.console import Console

from app.inference.engines.bfloat16 import rewrite_graphs
from training import MODULE
from training.anatomy import anatomy
from training.architectures import build
from training.checkpoint import (
    copy_averaged,
    load_network,
    load_state,
    save_network,
    save_state,
    take_weights,
)
from training.data import THREADS, Images, Patches, load
from training.environment import environment
from training.errors import TrainingError
from training.experiment import Experiment, Folder, Schedule, read_experiment
from training.files import PART, alone_in, write
from training.log import Log, read_log
from training.losses import Objective
from training.noise.casts import SIDE
from training.noise.layer import AddNoise
from training.pictures import draw_grid, draw_loss
from training.progress import ProgressBar, duration
from training.schedule import Trapezoid
from training.speed import pipeline_rate, step_rate
from training.teachers import Teachers
from training.validation import Validation
from training.webpage import webpage

CHECKPOINT_SECONDS = 240.0
"""Seconds after which the state is saved within an epoch, too: a crash costs five minutes at most.
"""


def train(
    source: Path,
    data: Path,
    run: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    steps: int | None = None,
    console: Console | None = None,
) -> None:
    """Trains the experiment in the file `source` on the images below `data`; leaves all in `run`.

    After each epoch, and within a long one, the state of the run is saved; `resume` goes on from
    there, if there is any, and comes to what a run that was never stopped comes to. `start` is a
    saved network from whose layers those of the same names take their weights in a new run; it and
    `steps` override the experiment's. Raises TrainingError for what the caller can mend, before it
    writes anything if it can, and OSError if the disk is full.
    """
    console = console or Console()
    experiment = read_experiment(source)
    if steps is not None:
        experiment = experiment.with_steps(steps)
    schedule = experiment.schedule
    state = run / "last.npz"
    _require_new(state, resume=resume)
    start = start or experiment.start

    network, twin = _networks(experiment)
    if start is not None and not state.exists():
        fresh = take_weights(network, load_network(start))
        _say(console, f"weights of {start}" + (f", but for {', '.join(fresh)}" if fresh else ""))

    folders = [load(folder, data, experiment.data) for folder in experiment.data.folders]
    summary = [_summary(*pair) for pair in zip(experiment.data.folders, folders, strict=True)]
    _tell(summary, console)
    patches = Patches(
        folders,
        experiment.data,
        experiment.noise,
        batch=schedule.batch,
        steps=schedule.steps_per_epoch,
        seed=experiment.seed,
    )
    model = _model(network, experiment, patches.channels)
    validation = Validation(folders, experiment)
    with alone_in(run):
        _require_new(state, resume=resume)  # checked again, now that no other process can write it
        epochs = load_state(model, state) if state.exists() else 0
        patches.done = int(model.optimizer.iterations)
        _open_run(run, source, summary, console)
        if patches.done < schedule.steps:
            rates = pipeline_rate(patches), step_rate(model, patches)
            words = "input alone {:.0f} patches/s, network alone {:.1f} patches/s"
            _say(console, words.format(*rates))
            left = (
                (schedule.steps - patches.done) * schedule.batch / min(THREADS * rates[0], rates[1])
            )
            _say(console, f"about {duration(left)} for the steps to {schedule.steps}")
            keeper = Keeper(
                run, network, twin, patches, schedule.steps, validation, Log(run, epochs), console
            )
            _fit(model, patches, schedule, epochs, keeper, console)
        _draw(run, validation)
        commands = _next_commands(run, data)
        write(run / "report.html", webpage(run, commands).encode())
    _say(console, f"{run} holds the network after {int(model.optimizer.iterations)} steps; next:")
    for command in commands:
        _say(console, f"  {command}")


class Keeper(keras.callbacks.Callback):
    """Watch the loss; after each epoch, validate, log, and save all that a resume needs.

    Within an epoch it saves the same every CHECKPOINT_SECONDS.
    """

    def __init__(
        self,
        run: Path,
        network: Any,
        twin: Any,
        patches: Patches,
        steps: int,
        validation: Validation,
        log: Log,
        console: Console,
    ) -> None:
        """Take `steps`, those of the run, at whose end the last epoch is cut short."""
        super().__init__()
        self.run, self.network, self.twin = run, network, twin
        self.step, self.steps = patches.done, steps
        self.probe = patches.draw(patches.done)[..., :3]
        self.validation, self.log, self.console = validation, log, console
        self.done, self.started = patches.done, time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.epoch, self.first, self.began = epoch, self.step, time.monotonic()
        self.saved = self.began

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Count the step; raise TrainingError if the loss is not finite, keeping what was saved."""
        self.step += 1
        self._require_number(logs["loss"])
        if self.step == self.steps:
            self.model.stop_training = True
        elif time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
            save_state(self.model, self.epoch, self.run / "last.npz")
            self.saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the run; last, what tells a resume to continue after this epoch."""
        elapsed = time.monotonic() - self.began
        # The loss was that before the last step: the result of that step is checked, too.
        restored = self.network.predict_on_batch(self.probe)
        loss_after = ops.mean(self.validation.loss(self.probe, restored))
        self._require_number(float(loss_after))
        copy_averaged(self.model, self.network, self.twin)
        row = {
            "epoch": epoch,
            "step": self.step,
            "loss": logs["loss"],
            "psnr": logs["psnr"],
            **self.validation(self.twin),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "steps_per_second": (self.step - self.first) / elapsed,
            "time": time.time(),
        }
        better = row.get("validation_psnr", -math.inf) > self.log.best("validation_psnr")
        self.log.append(row)
        names = ("model.keras", "best.keras") if better else ("model.keras",)
        save_network(self.twin, *(self.run / name for name in names))
        save_state(self.model, epoch + 1, self.run / "last.npz")
        left = (self.steps - self.step) * self._seconds_per_step()
        _say(self.console, _row_in_words(row) + (f"  {duration(left)} left" if left else ""))

    def _seconds_per_step(self) -> float:
        """Since this process began to train, validation and saving included."""
        return (time.monotonic() - self.started) / (self.step - self.done)

    def _require_number(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} after step {self.step}: lower schedule.learning_rate or "
                f"schedule.clip. {self.run} is as the last epoch left it."
            )


def _require_new(state: Path, *, resume: bool) -> None:
    if state.exists() and not resume:
        raise TrainingError(
            f"{state.parent} holds a run: go on with --resume, or name another with --run"
        )


def _networks(experiment: Experiment) -> tuple[Any, Any]:
    """Return the network that learns, and its float32 twin that gets the averaged weights and is
    saved.
    """
    policy = use_precision(experiment.schedule.precision)
    keras.utils.set_random_seed(experiment.seed)
    network = build(experiment.architecture, experiment.options, policy)
    twin = build(experiment.architecture, experiment.options)
    patch, stride = experiment.data.patch, anatomy(twin).stride
    if patch % stride:
        raise TrainingError(f"data.patch is {patch}: the network takes multiples of {stride}")
    if experiment.noise.camera and patch % SIDE:
        raise TrainingError(f"data.patch is {patch}: camera noise takes multiples of {SIDE}")
    if experiment.data.whole and len(experiment.noise.families) > 1:
        raise TrainingError("data.whole takes one family of noise")
    return network, twin


def _model(network: Any, experiment: Experiment, channels: int) -> Any:
    """Return what is trained: the network behind noise, which is no part of what is saved."""
    schedule, side = experiment.schedule, experiment.data.patch
    count = None if experiment.data.whole else schedule.batch
    patches = keras.Input(batch_shape=(count, side, side, channels))
    noisy, target = AddNoise(experiment.noise, seed=experiment.seed, count=count)(patches)
    outputs, share = [network(noisy), target], 0.0
    if experiment.distillation:
        teachers = [load_network(path) for path in experiment.distillation.teachers]
        outputs.append(Teachers(teachers, seed=experiment.seed)(noisy, target))
        share = experiment.distillation.share
    together = keras.layers.Concatenate(dtype="float32")(outputs)
    model = keras.Model(patches, together)
    optimizer = keras.optimizers.Adam(
        Trapezoid(schedule),
        use_ema=schedule.ema > 0,
        ema_momentum=schedule.ema,
        clipnorm=schedule.clip or None,
    )
    objective = Objective(experiment.loss, share)
    model.compile(
        optimizer=optimizer,
        loss=objective.loss,
        metrics=[objective.psnr],
        # XLA gains nothing on TensorFlow's CPU kernels, and is the only way in JAX.
        jit_compile=keras.backend.backend() == "jax",
    )
    optimizer.build(model.trainable_variables)
    return model


def _fit(
    model: Any, patches: Patches, schedule: Schedule, epochs: int, keeper: Keeper, console: Console
) -> None:
    """Goes on behind `epochs` epochs; the keeper stops at the last step."""
    shown = ProgressBar(console, steps=schedule.steps, done=patches.done, batch=schedule.batch)
    left = math.ceil((schedule.steps - patches.done) / len(patches))
    with shown.bar:
        model.fit(
            patches,
            epochs=epochs + left,
            initial_epoch=epochs,
            callbacks=[shown, keeper],
            verbose=0,
            shuffle=False,
        )


def use_precision(precision: str) -> str:
    """Return the dtype policy for float32, or for bfloat16 in the way that is fastest on the
    backend.

    On TensorFlow's CPU kernels the graph rewrite by oneDNN is ahead of Keras's mixed policy; it is
    switched on here for the whole process, and the policy is float32.
    """
    if precision == "mixed_bfloat16" and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            rewrite_graphs(True)
            return "float32"
    return precision


def _open_run(run: Path, source: Path, summary: list[dict[str, Any]], console: Console) -> None:
    """Record the experiment, the machine and the images of the run."""
    for unfinished in run.glob(f"{PART}*"):
        unfinished.unlink()
    kept = run / "experiment.toml"
    if kept.exists() and kept.read_bytes() != source.read_bytes():
        _say(console, f"{source} differs from {kept}, which it replaces from here on")
    write(kept, source.read_bytes())
    starts = run / "environment.json"
    earlier = json.loads(starts.read_text()) if starts.exists() else []
    _write_json(starts, [*earlier, environment()])
    _write_json(run / "data.json", summary)


def _tell(summary: list[dict[str, Any]], console: Console) -> None:
    for folder in summary:
        _say(console, "{path}: {images} images to train on, {held_out} held out".format(**folder))
        for skipped in folder["skipped"]:
            _say(console, "  skipped {file}: {reason}".format(**skipped))


def _summary(folder: Folder, images: Images) -> dict[str, Any]:
    return {
        "path": folder.label if folder.drawn else folder.path,
        "images": len(images.training),
        "held_out": len(images.held_out),
        "skipped": [{"file": _printable(s.path), "reason": s.reason} for s in images.skipped],
    }


def _printable(path: Path) -> str:
    """Return the path, what is no UTF-8 in it as escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _draw(run: Path, validation: Validation) -> None:
    """Draw the loss curve, and a grid of held-out crops as the network in the run folder leaves
    them.
    """
    write(run / "loss.png", draw_loss(read_log(run / "log.csv")))
    if len(validation.clean):
        restored = validation.restore(load_network(run))
        write(run / "grid.png", draw_grid(validation.clean, validation.noisy, restored))


def _next_commands(run: Path, data: Path) -> list[str]:
    """Return what one does with a run: measure it, package it, serve it."""
    folder, name = shlex.quote(str(run)), shlex.quote(run.resolve().name)
    return [
        f"python -m {MODULE} report {folder} --data {shlex.quote(str(data))}",
        f"python -m {MODULE} package {folder}",
        f"DENOISER_MODELS_DIR=models DENOISER_MODEL={name} denoiser serve",
    ]


def _row_in_words(row: dict[str, float]) -> str:
    held_out = "validation {validation_psnr:.2f} dB  " if "validation_psnr" in row else ""
    words = "epoch {epoch:.0f}  step {step:.0f}  loss {loss:.5f}  {psnr:.2f} dB  " + held_out
    return (words + "{steps_per_second:.2f} steps/s").format(**row)


def _write_json(path: Path, content: Any) -> None:
    write(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, markup=False, soft_wrap=True)
