"""Fuzzes the codec, guided by what its code has covered: a long run, by hand.

    .venv/bin/pip install atheris        # for CPython 3.11 to 3.13 on Linux
    .venv/bin/python -m tests.hostile.fuzz FOLDER -max_total_time=3600 -timeout=10

FOLDER keeps what covers new code, from run to run, and starts as the good files of the fidelity
table. Whatever decode() takes, it must answer in a picture that can be written, or an ImagingError.
A file that breaks this is left in the working directory: it belongs into a test.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.imaging"]):
    from app.imaging.codec import decode, encode
    from app.imaging.picture import Format, ImagingError

from tests.hostile.corpus import victims

MAX_PIXELS = 1_000_000


def attempt(data: bytes) -> None:
    """One file, hostile or not."""
    try:
        picture = decode(data, max_pixels=MAX_PIXELS)
    except ImagingError:
        return
    for target in Format:
        try:
            again = decode(encode(picture, target).data, max_pixels=MAX_PIXELS)
        except ImagingError:
            if target in (Format.PNG, Format.TIFF):  # these hold whatever can be read
                raise
        else:
            assert (again.width, again.height) == (picture.width, picture.height)


def main() -> None:
    """Fills the folder, and goes on until it is stopped."""
    folder = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    folder.mkdir(parents=True, exist_ok=True)
    for number, victim in enumerate(victims()):
        (folder / f"victim-{number}").write_bytes(victim.data)
    atheris.Setup(sys.argv, attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
