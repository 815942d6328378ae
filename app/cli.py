"""The command line: denoiser serve | denoise | noise | models | key."""

import argparse
import json
import math
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.api.keys import hash_of, new_key
from app.api.schemas import DenoiseOptions, NoiseOptions, OutputOptions
from app.files import Job, Outcome, Status, find, is_folder, run
from app.imaging.codec import Picture, decode
from app.imaging.noise import add_noise
from app.inference.denoiser import Denoiser, Limits
from app.inference.store import BadModelPackage, read_packages
from app.settings import Settings

REST = """A picture that cannot be read does not stop the rest: it is named at the end,
and the exit code is 1 instead of 0. Misuse is 2."""
DENOISE = """examples:
  denoiser denoise photo.jpg -o clean.jpg
  denoiser denoise scans/ -o clean/          everything below scans/, but what is
                                             in clean/ already
  denoiser denoise '*.tif' -o clean/ --strength 0.7 --format png
  denoiser denoise photo.jpg -o clean.jpg --strength 0.6 --colour-strength 1
                                             no colour noise, and some grain
  denoiser denoise scans/ -o clean/ --json   a line for each, for programs

DENOISER_MODEL and the other variables of denoiser serve --help are read, too."""
NOISE = """examples:
  denoiser noise photo.jpg -o noisy.png --factor 0.2
  denoiser noise photo.jpg -o noisy.png --kind camera --factor 0.03
  denoiser noise scans/ -o noisy/ --kind rician --seed 1"""

AT_ONCE = 16
"""Pictures that are on their way at a time: a full batch of small ones, and as many behind it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; exit code 1 where a picture or the whole command failed, 2 for misuse."""
    parser = _parser()
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    command: Callable[..., int] = given.pop("command")
    try:
        return command(**given)
    except ValidationError as error:
        first = error.errors()[0]
        where = [f"{_source(error.title, str(field))}: " for field in first["loc"][:1]]
        parser.error("".join([*where, first["msg"]]))
    except BadModelPackage as error:
        _complain(str(error))
        return 1
    except ModuleNotFoundError as error:
        if error.name not in ("keras", "tensorflow"):
            raise
        _complain("TensorFlow is missing: pip install 'denoiser[cpu]', or [gpu] for NVIDIA")
        return 1
    except KeyboardInterrupt:
        _complain("stopped")
        return 130
    except BrokenPipeError:  # whoever read this has gone, and so may what is left to be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="denoiser", description="Removes noise from pictures.")
    commands = parser.add_subparsers(
        required=True, metavar="serve | denoise | noise | models | key"
    )

    serve = commands.add_parser("serve", help="run the REST service")
    _add_flags(serve, Settings)
    serve.set_defaults(command=_serve)

    denoise = _add_command(commands, "denoise", "remove the noise from pictures", DENOISE)
    _add_files(denoise)
    _add_flags(denoise, DenoiseOptions)
    denoise.set_defaults(command=_denoise)

    noise = _add_command(commands, "noise", "add noise to pictures", NOISE)
    _add_files(noise)
    _add_flags(noise, NoiseOptions)
    noise.set_defaults(command=_noise)

    models = commands.add_parser("models", help="list the models")
    models.add_argument(
        "--json", dest="as_json", action="store_true", help="print the whole cards, as JSON"
    )
    models.set_defaults(command=_models)

    key = commands.add_parser("key", help="make a key for the REST service")
    key.set_defaults(command=_key)
    return parser


def _add_command(commands: Any, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary.capitalize()}.\n{REST}",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="IN",
        help="picture, folder of pictures (with all folders in it), or quoted wildcard",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help="file to write, or folder; a folder for several pictures, which keeps what is there",
    )
    parser.add_argument("--overwrite", action="store_true", help="write what is in OUT again")
    parser.add_argument(
        "--json", dest="as_json", action="store_true", help="print a JSON object for each picture"
    )


def _add_flags(parser: argparse.ArgumentParser, options: type[BaseModel]) -> None:
    """A flag for each field; the values are left for the model to check."""
    for name, field in options.model_fields.items():
        default = "" if field.default is None else f" [{field.default}]"
        choices = ", ".join(_choices(field.annotation))
        listed = f" One of {choices}." if choices else ""
        description = f"{field.description}{listed}{default}".replace("%", "%%")
        parser.add_argument(_flag(name), dest=name, metavar=name.upper(), help=description)


def _choices(annotation: Any) -> list[str]:
    """The values that a field may have, where they are listed."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return list(annotation)
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _source(model: str, field: str) -> str:
    environment = f" (DENOISER_{field.upper()})" if model == Settings.__name__ else ""
    return _flag(field) + environment


def _serve(**given: Any) -> int:
    settings = Settings(**given)
    # Not at the top: the other commands need no web framework.
    from app import server, workers
    from app.logs import configure_logs

    configure_logs(settings.log_level, settings.log_format)
    return workers.serve(settings) if settings.workers > 1 else server.serve(settings)


def _models(as_json: bool) -> int:
    packages, default = read_packages(Settings().models_dir), Settings().model
    for name, package in packages.items():
        card = package.card
        if as_json:
            print(card.model_dump_json())
        else:
            notes = ["default"] * (name == default) + ["historical"] * card.historical
            note = f" ({', '.join(notes)})" if notes else ""
            print(f"{name}{note}: {card.title}")
            print(f"    {card.description}")
            print(f"    {card.parameters:,} parameters, {card.gmac} GMAC for 256x256 pixels")
            print(f"    Noise: {card.noise}")
    return 0


def _key() -> int:
    key = new_key()
    print(f"key:  {key}")
    print(f"hash: {hash_of(key)}")
    _complain("the key is for the caller, and kept nowhere; the hash for DENOISER_API_KEYS")
    return 0


def _denoise(inputs: list[Path], output: Path, overwrite: bool, as_json: bool, **given: Any) -> int:
    options, settings = DenoiseOptions(**given), Settings()
    packages = read_packages(settings.models_dir)
    name = options.model or settings.model
    if name not in packages:
        raise BadModelPackage(f"there is no model {name!r}; these are: {', '.join(packages)}")
    _import_tensorflow_in_silence()
    denoiser = Denoiser.load(
        packages[name],
        precision=settings.precision,
        threads=settings.threads,
        limits=Limits(deadline=math.inf),  # nobody waits for an answer
    )

    def work(picture: Picture) -> Picture:
        return (
            denoiser.submit(
                picture,
                strength=options.shares,
                range_=options.working_range,
                transfer=options.transfer,
            )
            .result()
            .picture
        )

    return _convert(inputs, output, options, work, overwrite=overwrite, as_json=as_json)


def _import_tensorflow_in_silence() -> None:
    """Its libraries tell stderr how they were compiled, whatever the level of its log."""
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:  # somebody wants to know
        return
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import app.inference.engine  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def _noise(inputs: list[Path], output: Path, overwrite: bool, as_json: bool, **given: Any) -> int:
    options = NoiseOptions(**given)
    seed = secrets.randbits(32) if options.seed is None else options.seed

    def work(picture: Picture) -> Picture:
        noisy = add_noise(
            picture.pixels, options.factor, kind=options.kind, channels=options.channels, seed=seed
        )
        return replace(picture, pixels=noisy)

    return _convert(inputs, output, options, work, overwrite=overwrite, as_json=as_json)


def _convert(
    inputs: list[Path],
    output: Path,
    options: OutputOptions,
    work: Callable[[Picture], Picture],
    *,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Works on all pictures, shows how it goes, and names at the end what has failed."""
    settings = Settings()
    sources, outcomes = find(inputs, output)
    job = Job(
        read=partial(decode, max_pixels=settings.max_pixels, max_side=settings.max_side),
        work=work,
        write=lambda picture, target: options.encode(picture, target).data,
        format_for=lambda picture: options.format_for(
            picture.format, lossless=picture.metadata.lossless
        ),
        format=options.format,
        output=output,
        into_folder=is_folder(inputs, output),
        overwrite=overwrite,
    )
    for outcome in _shown(run(sources, job, threads=AT_ONCE), len(sources)):
        outcomes.append(outcome)
        if as_json and outcome.status is not Status.FAILED:
            _print_json(outcome)
    failed = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    for outcome in failed:
        if as_json:
            _print_json(outcome)
        _complain(f"{outcome.source}: {outcome.reason}")
    if len(outcomes) > 1:
        counts = Counter(outcome.status for outcome in outcomes)
        _complain(", ".join(f"{counts[status]} {status}" for status in Status))
    return 1 if failed else 0


def _shown(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """The outcomes, with a progress bar beside them where a person is watching."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("{task.fields[rate]:.1f} pictures/s"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=total < 2 or not console.is_terminal,
    )
    began = time.monotonic()
    with progress:
        task = progress.add_task("", total=total, rate=0.0)
        for count, outcome in enumerate(outcomes, 1):
            progress.update(task, advance=1, rate=count / (time.monotonic() - began))
            yield outcome


def _print_json(outcome: Outcome) -> None:
    print(json.dumps(asdict(outcome), default=str), flush=True)


def _complain(message: str) -> None:
    sys.stderr.write(f"denoiser: {message}\n")
