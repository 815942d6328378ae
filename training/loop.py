"""The training loop, from an experiment to a run folder with checkpoints and a log."""

import math
from pathlib import Path
from typing import Any

from rich.console import Console

from training.assembly import networks, trainable
from training.checkpoint import load_network, load_state, take_weights
from training.data import load
from training.experiment import Schedule, read_experiment
from training.files import alone_in
from training.interrupt import heeding
from training.keeper import Keeper
from training.log import Log
from training.patches import THREADS, Patches
from training.progress import ProgressBar, duration, say
from training.run import conclude, open_run, require_new, summary, tell
from training.speed import pipeline_rate, step_rate
from training.validation import Validation


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
    """Train the experiment in the file `source` on the images below `data`, in the folder `run`.

    The state of the run is saved after each epoch, and within a long one; `resume` continues from
    there, if there is a state, with the same result as a run that was never stopped. `start` is a
    saved network that gives a new run the weights of its layers, by their names; it and `steps`
    override the experiment. Raises TrainingError for what the user can correct, if possible before
    anything is written, and OSError if the disk is full.
    """
    console = console or Console()
    experiment = read_experiment(source)
    if steps is not None:
        experiment = experiment.with_steps(steps)
    schedule, state = experiment.schedule, run / "last.npz"
    require_new(state, resume=resume)
    network, twin = networks(experiment)
    start = start or experiment.start
    if start is not None and not state.exists():
        fresh = take_weights(network, load_network(start))
        say(console, f"weights of {start}" + (f", but for {', '.join(fresh)}" if fresh else ""))

    folders = [load(folder, data, experiment.data) for folder in experiment.data.folders]
    images = summary(experiment.data.folders, folders)
    tell(images, console)
    patches = Patches(
        folders,
        experiment.data,
        experiment.noise,
        batch=schedule.batch,
        steps=schedule.steps_per_epoch,
        seed=experiment.seed,
    )
    model = trainable(network, experiment, patches.channels)
    validation = Validation(folders, experiment)
    with alone_in(run):
        require_new(state, resume=resume)  # again, now that no other process can write it
        epochs = load_state(model, state) if state.exists() else 0
        patches.done = int(model.optimizer.iterations)
        open_run(run, source, images, console)
        if patches.done < schedule.steps:
            _estimate(model, patches, schedule, console)
            log = Log(run, epochs)
            keeper = Keeper(run, network, twin, patches, schedule.steps, validation, log, console)
            _fit(model, patches, schedule, epochs, keeper, console)
        commands = conclude(run, data, validation)
    say(console, f"{run} holds the network after {int(model.optimizer.iterations)} steps; next:")
    for command in commands:
        say(console, f"  {command}")


def _estimate(model: Any, patches: Patches, schedule: Schedule, console: Console) -> None:
    """Print how fast input and network are, each alone, and how long the run will take."""
    drawn, learned = pipeline_rate(patches), step_rate(model, patches)
    say(console, f"input alone {drawn:.0f} patches/s, network alone {learned:.1f} patches/s")
    left = (schedule.steps - patches.done) * schedule.batch
    seconds = left / min(THREADS * drawn, learned)
    say(console, f"about {duration(seconds)} for the steps to {schedule.steps}")


def _fit(
    model: Any, patches: Patches, schedule: Schedule, epochs: int, keeper: Keeper, console: Console
) -> None:
    """Continue after `epochs` epochs; the keeper stops at the last step, or at Ctrl-C."""
    shown = ProgressBar(console, steps=schedule.steps, done=patches.done, batch=schedule.batch)
    left = math.ceil((schedule.steps - patches.done) / len(patches))
    with shown.bar, heeding(keeper.stop):
        model.fit(
            patches,
            epochs=epochs + left,
            initial_epoch=epochs,
            callbacks=[shown, keeper],
            verbose=0,
            shuffle=False,
        )
    if keeper.step < schedule.steps:  # raised here, once Keras has ended its threads
        raise KeyboardInterrupt
