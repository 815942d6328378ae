"""The command line: denoiser serve | denoise | noise | models | key | completion."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shtab
from pydantic import ValidationError

from app.bulk import command as bulk
from app.console import FAILED, STOPPED, Misuse, complain, reason_of
from app.files.command import Work, convert
from app.files.run import Worked
from app.flags import add_flags, flag
from app.imaging.picture import Picture
from app.inference import engines
from app.inference.job import Progress
from app.inference.store import BadModelPackage, read_packages
from app.service import local
from app.service.errors import UnknownModel
from app.service.keys import hash_of, new_key
from app.service.options import DenoiseOptions, NoiseOptions
from app.settings import Settings
from app.streams import drop_output

REST = """An image that cannot be read does not stop the rest: it is named at the end, and
the exit code is 1 instead of 0. It is 2 for misuse, and 130 after Ctrl-C, which
keeps what is done."""
DENOISE = """examples:
  denoiser denoise photo.jpg                 writes photo.denoised.jpg
  denoiser denoise photo.jpg -o clean.jpg
  cat photo.jpg | denoiser denoise - > clean.jpg
  denoiser denoise scans/ -o clean/          everything below scans/ that is not in
                                             clean/ yet
  denoiser denoise '*.tif' -o clean/ --strength 0.7 --format png
  denoiser denoise photo.jpg -o clean.jpg --strength 0.6 --colour-strength 1
                                             removes colour noise, keeps some grain
  denoiser denoise scans/ -o clean/ --json   one line for each, for programs
  denoiser denoise s3://scans/2026 s3://clean/2026 --shard 3/10
                                             the fourth of ten parts of any
                                             number of images

DENOISER_MODEL and the other variables of denoiser serve --help apply here, too."""
NOISE = """examples:
  denoiser noise photo.jpg                   writes photo.noisy.png
  denoiser noise photo.jpg -o noisy.png --factor 0.2
  denoiser noise photo.jpg -o noisy.png --kind camera --factor 0.03
  denoiser noise scans/ -o noisy/ --kind rician --seed 1"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 if an image or the whole command failed, or 2 for misuse."""
    parser = _parser()
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    command: Callable[..., int] = given.pop("command")
    try:
        code = command(**given)
        sys.stdout.flush()  # so that a full disk is noticed here, not when the interpreter exits
        return code
    except ValidationError as error:
        first = error.errors()[0]
        where = [f"{_source(error.title, str(field))}: " for field in first["loc"][:1]]
        parser.error("".join([*where, first["msg"]]))
    except (Misuse, UnknownModel) as error:
        parser.error(str(error))
    except BadModelPackage as error:
        complain(str(error))
        return FAILED
    except ModuleNotFoundError as error:
        if error.name not in ("keras", *engines.NEEDS.values()):
            raise
        complain(
            f"{error.name} is missing: pip install 'denoiser[cpu]', [openvino], [gpu] or [jax]"
        )
        return FAILED
    except KeyboardInterrupt:
        complain("stopped")
        return STOPPED
    except BrokenPipeError:  # the reader of the output has closed it
        drop_output()
        return FAILED
    except OSError as error:
        drop_output()
        complain(reason_of(error))
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="denoiser", description="Remove noise from images.")
    parser.add_argument("--version", action="version", version=f"denoiser {version('denoiser')}")
    commands = parser.add_subparsers(
        required=True, metavar="serve | denoise | noise | models | key | completion"
    )

    serve = commands.add_parser("serve", help="run the REST service")
    add_flags(serve, Settings)
    serve.set_defaults(command=_serve)

    denoise = _add_command(commands, "denoise", "remove the noise from images", DENOISE)
    _add_files(denoise, bulk.place)
    bulk.add_flags(denoise)
    add_flags(denoise, DenoiseOptions)
    denoise.set_defaults(command=_denoise)

    noise = _add_command(commands, "noise", "add noise to images", NOISE)
    _add_files(noise)
    add_flags(noise, NoiseOptions)
    noise.set_defaults(command=_noise)

    models = commands.add_parser("models", help="list the models")
    models.add_argument(
        "--json", dest="as_json", action="store_true", help="print the whole cards, as JSON"
    )
    models.set_defaults(command=_models)

    key = commands.add_parser("key", help="create a key for the REST service")
    key.set_defaults(command=_key)

    completion = commands.add_parser(
        "completion", help="print a script for a shell that completes commands and flags"
    )
    completion.add_argument(
        "shell", choices=shtab.SUPPORTED_SHELLS, help='for bash: eval "$(denoiser completion bash)"'
    )
    completion.set_defaults(command=_completion)
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


def _add_files(parser: argparse.ArgumentParser, place: Callable[[str], str | Path] = Path) -> None:
    inputs = parser.add_argument(
        "inputs",
        nargs="+",
        type=place,
        metavar="IN",
        help="image, folder of images (searched recursively), quoted wildcard, or - for "
        "standard input",
    )
    output = parser.add_argument(
        "-o",
        "--output",
        type=place,
        metavar="OUT",
        help="file to write, folder, or - for standard output; several images need a folder, whose "
        "files are kept [beside IN, with a word added to the name; - if IN is -]",
    )
    for argument in (inputs, output):
        argument.complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument("--overwrite", action="store_true", help="replace existing results")
    parser.add_argument(
        "--json", dest="as_json", action="store_true", help="print a JSON object for each image"
    )


def _source(model: str, field: str) -> str:
    environment = f" (DENOISER_{field.upper()})" if model == Settings.__name__ else ""
    return flag(field) + environment


def _serve(**given: Any) -> int:
    settings = Settings(**given)
    # not at the top: the other commands need no web framework
    from app.logs import configure_logs
    from app.server import server, workers

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
            if card.modality:
                notes.append(f"default for {card.modality}")
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
    complain("give the key to the client, it is not stored; put the hash into DENOISER_API_KEYS")
    return 0


def _completion(shell: str) -> int:
    print(shtab.complete(_parser(), shell))
    return 0


def _denoise(
    inputs: list[Path],
    overwrite: bool,
    as_json: bool,
    output: Path | None = None,
    **given: Any,
) -> int:
    flags = {name: value for name in bulk.FLAGS if (value := given.pop(name, None))}
    options, settings = DenoiseOptions(**given), Settings()
    request = bulk.request_of(inputs, output, flags, overwrite=overwrite, as_json=as_json)
    if request:
        return bulk.denoise(request, options, settings)
    packages = local.packages_of(options, settings)

    def start() -> Work:
        denoisers = local.Denoisers(packages, settings)

        def work(picture: Picture, progress: Progress) -> Worked:
            denoiser = denoisers.suited_to(picture)
            result, sigma = local.denoise(denoiser, picture, options, progress)
            return Worked(result, model=denoiser.card.name, sigma=round(sigma, 4))

        return work

    return convert(inputs, output, "denoised", options, start, overwrite=overwrite, as_json=as_json)


def _noise(
    inputs: list[Path], overwrite: bool, as_json: bool, output: Path | None = None, **given: Any
) -> int:
    options = NoiseOptions(**given)
    seed = options.seed_or_random()

    def work(picture: Picture, _: Progress) -> Worked:
        return Worked(local.add_noise(picture, options, seed))

    return convert(
        inputs, output, "noisy", options, lambda: work, overwrite=overwrite, as_json=as_json
    )
