"""The command line: denoiser serve | denoise | noise."""

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from app.api.schemas import DenoiseOptions, NoiseOptions, OutputOptions
from app.imaging.codec import Format, ImagingError, Picture, UnsupportedImage, decode
from app.imaging.noise import add_noise
from app.inference.denoiser import Denoiser
from app.inference.store import BadModelPackage, read_packages
from app.settings import Settings

Work = Callable[[Picture], Picture]


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
        parser.error(f"{_source(error.title, str(first['loc'][0]))}: {first['msg']}")
    except BadModelPackage as error:
        _complain(str(error))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="denoiser", description="Removes noise from pictures.")
    commands = parser.add_subparsers(required=True, metavar="serve | denoise | noise")

    serve = commands.add_parser("serve", help="run the REST service")
    _add_flags(serve, Settings)
    serve.set_defaults(command=_serve)

    denoise = commands.add_parser("denoise", help="remove the noise from pictures")
    _add_files(denoise)
    _add_flags(denoise, DenoiseOptions)
    denoise.set_defaults(command=_denoise)

    noise = commands.add_parser("noise", help="add noise to pictures")
    _add_files(noise)
    _add_flags(noise, NoiseOptions)
    noise.set_defaults(command=_noise)
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="picture to read")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help="file to write, or folder; a folder for several pictures",
    )


def _add_flags(parser: argparse.ArgumentParser, options: type[BaseModel]) -> None:
    """A flag for each field; the values are left for the model to check."""
    for name, field in options.model_fields.items():
        default = "" if field.default is None else f" [{field.default}]"
        description = f"{field.description}{default}".replace("%", "%%")
        parser.add_argument(_flag(name), dest=name, metavar=name.upper(), help=description)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _source(model: str, field: str) -> str:
    environment = f" (DENOISER_{field.upper()})" if model == Settings.__name__ else ""
    return _flag(field) + environment


def _serve(**given: Any) -> int:
    settings = Settings(**given)
    # Not at the top: the other commands need no web framework.
    from app.logs import configure_logs
    from app.server import serve

    configure_logs(settings.log_level, settings.log_format)
    return serve(settings)


def _denoise(inputs: list[Path], output: Path, **given: Any) -> int:
    options, settings = DenoiseOptions(**given), Settings()
    packages = read_packages(settings.models_dir)
    name = options.model or settings.model
    if name not in packages:
        raise BadModelPackage(f"there is no model {name!r}; these are: {', '.join(packages)}")
    denoiser = Denoiser.load(packages[name], precision=settings.precision, threads=settings.threads)
    return _convert(
        inputs,
        output,
        options,
        lambda picture: denoiser.submit(picture, strength=options.strength).result().picture,
    )


def _noise(inputs: list[Path], output: Path, **given: Any) -> int:
    options = NoiseOptions(**given)
    seed = secrets.randbits(32) if options.seed is None else options.seed

    def work(picture: Picture) -> Picture:
        noisy = add_noise(
            picture.pixels, options.factor, kind=options.kind, channels=options.channels, seed=seed
        )
        return replace(picture, pixels=noisy)

    return _convert(inputs, output, options, work)


def _convert(inputs: list[Path], output: Path, options: OutputOptions, work: Work) -> int:
    """Works on one picture after the other; one that fails is reported and the rest goes on."""
    folder = output if len(inputs) > 1 or output.is_dir() else None
    failed = False
    for source in inputs:
        try:
            picture = _read(source)
            target = folder / _name(source, options.format_for(picture)) if folder else output
            _write(work(picture), target, options, source)
        except (ImagingError, OSError) as error:
            _complain(f"{source}: {error}")
            failed = True
    return 1 if failed else 0


def _read(source: Path) -> Picture:
    settings = Settings()
    return decode(source.read_bytes(), max_pixels=settings.max_pixels, max_side=settings.max_side)


def _name(source: Path, target: Format) -> str:
    """The name of the source, with another suffix only where the format is another."""
    try:
        same = Format.from_name(source.suffix) is target
    except UnsupportedImage:
        same = False
    return source.name if same else f"{source.stem}.{target}"


def _write(picture: Picture, target: Path, options: OutputOptions, source: Path) -> None:
    if target.exists() and target.samefile(source):
        raise FileExistsError("the output would replace the input")
    encoded = options.encode(picture, options.format or Format.from_name(target.suffix))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded.data)


def _complain(message: str) -> None:
    sys.stderr.write(f"denoiser: {message}\n")
