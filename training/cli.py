"""The command line, `python -m training`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from app.imaging.noise import NoiseKind
from app.imaging.orientation import ENSEMBLES
from app.streams import silence
from training import MODULE
from training.errors import TrainingError
from training.experiment import read_experiment
from training.graphics import SUBJECTS
from training.rivals import RIVALS, rival
from training.section import checked
from training.trial import Trial


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _import_keras()
        options.run_command(options)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        print(f"error: {error.strerror or error}{place}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        more = "; train --resume goes on from the last checkpoint, or starts if there is none"
        print("stopped" + more * (options.run_command is _train), file=sys.stderr)
        return 130
    return 0


def _import_keras() -> None:
    """Import Keras and its backend, which takes seconds, and let them log only errors."""
    with silence():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras  # noqa: F401


# Modules that need Keras are imported when a command runs, after `_import_keras`.


def _train(options: argparse.Namespace) -> None:
    from training.loop import train

    train(
        options.experiment,
        options.data,
        options.run or Path("runs") / read_experiment(options.experiment).name,
        resume=options.resume,
        start=options.start,
        steps=options.steps,
    )


def _report(options: argparse.Namespace) -> None:
    from training.report import report

    print(report(options.run, options.data, options.trials).read_text(), end="")


def _evaluate(options: argparse.Namespace) -> None:
    from training.checkpoint import load_network
    from training.evaluate import outcomes, score
    from training.methods import network_method
    from training.tables import first_rmse, table

    given = _trial(options)
    if options.trials and given:
        raise TrainingError(f"{options.trials} has all of the trials: leave out {', '.join(given)}")
    trials = (
        read_experiment(options.trials).trials
        if options.trials
        else [checked(Trial, {"dataset": _dataset(options), **given}, "the command line")]
    )
    methods = {str(path): network_method(load_network(path)) for path in options.models}
    methods |= {name: rival(name) for name in options.rival}
    if not methods or not trials:
        raise TrainingError("nothing to measure: name models or a --rival, and trials")
    scores = [
        (name, score(trial, sigma, outcomes(method, trial, sigma, options.data)))
        for trial in trials
        for sigma in trial.levels
        for name, method in methods.items()
    ]
    print(table(scores))
    if options.first:
        print("", first_rmse(scores), sep="\n")


def _trial(options: argparse.Namespace) -> dict[str, object]:
    """Return the fields of a trial that were given on the command line."""
    given = {name: getattr(options, name, None) for name in Trial.model_fields}
    given |= dict(zip(("noisy", "clean"), options.pairs or (), strict=False))
    return {name: value for name, value in given.items() if value is not None}


def _dataset(options: argparse.Namespace) -> str:
    """Return the name of the images in tables."""
    return "drawn graphics" if options.drawn else str(options.data.resolve().name)


def _package(options: argparse.Namespace) -> None:
    from training.package import package

    source: Path = options.source
    folder = package(
        source,
        options.name or (source.resolve().name if source.is_dir() else source.stem),
        options.models,
        experiment=read_experiment(options.experiment) if options.experiment else None,
        data=options.data,
    )
    print(f"{folder} holds the model and its card")


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description="Train, measure and package denoising networks."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_train, _add_report, _add_evaluate, _add_package):
        add(commands)
    return parser


def _add_train(commands: Commands) -> None:
    train = commands.add_parser("train", help="train an experiment; go on with a stopped one")
    train.set_defaults(run_command=_train)
    train.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml")
    train.add_argument("--data", type=Path, required=True, help="folder of images")
    train.add_argument("--run", type=Path, help="folder for all that comes of it [runs/NAME]")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    train.add_argument("--start", type=Path, help="network that a new run takes its weights from")
    train.add_argument("--steps", type=int, help="instead of the experiment's")


def _add_report(commands: Commands) -> None:
    report = commands.add_parser("report", help="measure a run by the trials of its experiment")
    report.set_defaults(run_command=_report)
    report.add_argument("run", type=Path, help="run folder")
    report.add_argument("--data", type=Path, required=True, help="folder of images")
    report.add_argument("--trials", type=Path, help="experiment file [the run's own]")


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser("evaluate", help="measure models and classical methods")
    evaluate.set_defaults(run_command=_evaluate)
    evaluate.add_argument("models", type=Path, nargs="*", help=".keras files, packages, runs")
    evaluate.add_argument("--data", type=Path, default=Path(), help="folder of images [here]")
    evaluate.add_argument("--rival", nargs="+", default=[], help=f"any of {', '.join(RIVALS)}")
    evaluate.add_argument("--first", action="store_true", help="also RMSE of the first five images")
    evaluate.add_argument("--trials", type=Path, help="experiment file; else the trial is:")
    evaluate.add_argument(
        "--pairs",
        nargs=2,
        metavar=("NOISY", "CLEAN"),
        help="folders or patterns (quoted) below --data, of shots with and without noise",
    )
    evaluate.add_argument("--drawn", type=int, help="this many drawn graphics instead of files ...")
    evaluate.add_argument(
        "--subjects", nargs="+", choices=SUBJECTS, help="... of these [all but pixels]"
    )
    _add_trial(evaluate)


def _add_trial(evaluate: argparse.ArgumentParser) -> None:
    """Add the fields of a single trial."""
    evaluate.add_argument(
        "--sigma", dest="sigmas", type=float, nargs="+", help="on the 0..255 scale [25]"
    )
    evaluate.add_argument(
        "--protocol", choices=["published", "service"], help="noise as it is, or 8 bits [service]"
    )
    evaluate.add_argument("--kind", choices=[kind.value for kind in NoiseKind], help="[gaussian]")
    evaluate.add_argument("--part", choices=["luma", "chroma"], help="noise in this alone")
    evaluate.add_argument("--blur", type=float, help="of the noise, in pixels")
    evaluate.add_argument(
        "--enlarged", type=int, help="noise drawn this much smaller, then enlarged"
    )
    evaluate.add_argument("--jpeg", type=int, help="then through JPEG (4:2:0) of this quality")
    for flag, meaning in (
        ("--shared", "one noise plane for all channels"),
        ("--fresh", "other noise for every image"),
        ("--grey", "images turned grey"),
    ):
        evaluate.add_argument(flag, action="store_true", default=None, help=meaning)
    evaluate.add_argument("--square", type=int, help="squeeze to this many pixels a side")
    evaluate.add_argument("--test-share", type=float, help="measure on this share, held out ...")
    evaluate.add_argument("--split", choices=["groups", "files"], help="... like this [groups]")
    evaluate.add_argument(
        "--ensemble", type=int, choices=ENSEMBLES, help="mean over this many orientations [1]"
    )
    evaluate.add_argument("--limit", type=int, help="only the first images, up to this many")


def _add_package(commands: Commands) -> None:
    package = commands.add_parser("package", help="write models/NAME, which the service loads")
    package.set_defaults(run_command=_package)
    package.add_argument("source", type=Path, help="run folder, or .keras file")
    package.add_argument("--name", help="that callers use [the source's]")
    package.add_argument("--models", type=Path, default=Path("models"), help="[%(default)s]")
    package.add_argument("--experiment", type=Path, help="[the one beside the model]")
    package.add_argument("--data", type=Path, help="count the images in this folder")
