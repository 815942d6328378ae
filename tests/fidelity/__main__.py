"""Print the fidelity table: python -m tests.fidelity > docs/fidelity.md"""

import itertools
import sys
from collections.abc import Iterator

from app.imaging.formats import FORMATS
from app.imaging.picture import Format
from tests.fidelity.cases import Case, cases
from tests.fidelity.row import Kept, Refused

HEAD = """\
# Fidelity

Each row is a file that a test makes, sends to `POST /denoise?strength=0` and compares with the
result, read by another library: with none of the noise removed, an image must be returned as it
was sent. Width and height are always those of the upright upload. The last column is the response
header `X-Image-Changes`: what cannot be kept is refused or named there, never lost silently.

Known formats that are not supported are named in the response, with what to convert them to.

`python -m tests.fidelity > docs/fidelity.md` writes this page.
"""

_COLOURS = {1: "grey", 2: "grey + alpha", 3: "RGB", 4: "RGB + alpha", 5: "in 5 channels"}
_KINDS = {"u": "", "i": " signed", "f": " floating-point"}


def table() -> str:
    """The page, in Markdown."""
    return HEAD + "".join(_sections())


def _sections() -> Iterator[str]:
    for section, rows in itertools.groupby(cases(), lambda case: case.section):
        yield f"\n## {section}\n\n| upload | result | samples | changes |\n|---|---|---|---|\n"
        yield from map(_row, rows)


def _row(case: Case) -> str:
    upload = case.upload + (f", `{case.query}`" if case.query else "")
    match case.result:
        case Refused(status, code):
            return f"| {upload} | {status} `{code}` | | |\n"
        case Kept() as kept:
            changes = " ".join(f"`{change}`" for change in sorted(kept.changes))
            levels = kept.tolerance * 255 // (2 ** _bits(kept) - 1)
            exactness = f"within {levels} of 255" if kept.tolerance else "exact"
            return f"| {upload} | {_answer(kept)} | {exactness} | {changes} |\n"


def _answer(kept: Kept) -> str:
    is_colour = kept.samples.shape[-1] in _COLOURS
    channels = kept.samples.shape[-1] if is_colour else 1
    colours = "RGB + a channel not stated" if kept.unstated else _COLOURS[channels]
    name = FORMATS[kept.format].title
    word = {Format.TIFF: "page", Format.DICOM: "frame"}.get(kept.format, "slice")
    is_stack = kept.samples.ndim == 3 + is_colour
    pages = f"{len(kept.samples)} {word}{'s' * (len(kept.samples) > 1)}, " if is_stack else ""
    answer = f"{name}, {pages}{_bits(kept)}-bit{_KINDS[kept.samples.dtype.kind]} {colours}"
    return answer + (f", {', '.join(sorted(kept.metadata))}" if kept.metadata else "")


def _bits(kept: Kept) -> int:
    """Bits of a sample; AVIF holds 12 where an array must have 16."""
    bits = kept.bits or 8 * kept.samples.itemsize
    return 12 if kept.format is Format.AVIF and bits == 16 else bits


if __name__ == "__main__":
    sys.stdout.write(table())
