"""The command line: what `python -m training` does."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.errors import TrainingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run_command(options)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; train --resume goes on from the last epoch", file=sys.stderr)
        return 130
    return 0


# Each command imports what it needs when it runs: Keras and its backend take seconds to import.


def _train(options: argparse.Namespace) -> None:
    from training.experiment import read_experiment
    from training.loop import train

    train(
        options.experiment,
        options.data,
        options.run or Path("runs") / read_experiment(options.experiment).name,
        resume=options.resume,
        start=options.start,
        steps=options.steps,
    )


def _package(options: argparse.Namespace) -> None:
    from training.experiment import read_experiment
    from training.package import package

    experiment = read_experiment(options.experiment) if options.experiment else None
    folder = package(
        options.source,
        options.name or options.source.stem,
        options.models,
        experiment=experiment,
        data=options.data,
    )
    print(f"{folder} holds the model and its card")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train, measure and package denoising networks."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train an experiment; go on with a stopped one")
    train.set_defaults(run_command=_train)
    train.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml")
    train.add_argument("--data", type=Path, required=True, help="folder of images")
    train.add_argument("--run", type=Path, help="folder for all that comes of it [runs/NAME]")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    train.add_argument("--start", type=Path, help="network whose weights a new run starts from")
    train.add_argument("--steps", type=int, help="instead of the experiment's")

    package = commands.add_parser("package", help="write models/NAME, which the service loads")
    package.set_defaults(run_command=_package)
    package.add_argument("source", type=Path, help="run folder, or .keras file")
    package.add_argument("--name", help="that callers use [the run's]")
    package.add_argument("--models", type=Path, default=Path("models"), help="[%(default)s]")
    package.add_argument("--experiment", type=Path, help="[the one beside the model]")
    package.add_argument("--data", type=Path, help="count the images in this folder")
    return parser
