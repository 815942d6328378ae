"""The header of a PNM or PAM file."""

import re
from dataclasses import dataclass

from app.imaging.picture import UnreadableImage

LONGEST = 1 << 16
"""Maximum bytes of a header, including comments."""
GREATEST = 65_535
"""The maximum value of white."""

_MAGIC = re.compile(rb"P[1-7][\t-\r #]")
_BITS, _PLAIN, _PAM = b"14", b"123", b"7"
_NUMBER = re.compile(rb"(?:[\t-\r ]|#[^\n\r]*+)*+(\d{1,10}+)(?=[\t-\r ])")
_COMMENT = re.compile(rb"#[^\n\r]*")
_LAST = b"\nENDHDR\n"


@dataclass(frozen=True, slots=True)
class Head:
    """The declarations of a file."""

    width: int
    height: int
    channels: int
    white: int
    """The value of white, 1 to GREATEST."""
    is_bits: bool
    """Whether samples are bits, with 1 as black."""
    is_plain: bool
    """Whether samples are decimal numbers in text."""
    kind: bytes
    """The type of the channels of a PAM: TUPLTYPE."""
    comments: tuple[bytes, ...]
    start: int
    """The offset of the samples."""

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4) and self.kind.endswith(b"_ALPHA")

    @property
    def sample_bytes(self) -> int:
        """Bytes per decoded sample."""
        return 1 if self.white <= 255 else 2

    @property
    def size(self) -> int:
        """Bytes of the samples, unless they are in text."""
        if self.is_bits:
            return -(-self.width // 8) * self.height
        return self.width * self.height * self.channels * self.sample_bytes


def is_pnm(data: bytes) -> bool:
    """Return whether a file begins like a PNM or PAM."""
    return _MAGIC.match(data) is not None


def read_head(data: bytes) -> Head:
    """Read a header; raises UnreadableImage if it is invalid."""
    kind, text = data[1:2], data[:LONGEST]
    head = _lines(text) if kind == _PAM else _numbers(text, kind)
    if not 0 < head.white <= GREATEST or not 0 < head.channels <= 4:
        raise UnreadableImage("The header of the PNM image makes no sense.")
    return head


def _numbers(text: bytes, kind: bytes) -> Head:
    """Read width, height and, except for bits, white, with comments in between."""
    is_bits, position = kind in _BITS, 2
    numbers = []
    for _ in range(2 if is_bits else 3):
        found = _NUMBER.match(text, position)
        if found is None:
            raise UnreadableImage("The PNM image is truncated or damaged.")
        numbers.append(int(found[1]))
        position = found.end()
    width, height, *white = numbers
    return Head(
        width,
        height,
        channels=3 if kind in b"36" else 1,
        white=1 if is_bits else white[0],
        is_bits=is_bits,
        is_plain=kind in _PLAIN,
        kind=b"",
        comments=tuple(_COMMENT.findall(text, 0, position)),
        start=position + 1,
    )


def _lines(text: bytes) -> Head:
    """Read the header lines of a PAM, each with a name and a value."""
    head, end, _ = text.partition(_LAST)
    if not end:
        raise UnreadableImage("The PNM image is truncated or damaged.")
    values, comments = dict[bytes, bytes](), list[bytes]()
    for line in map(bytes.strip, head.split(b"\n")[1:]):
        if line.startswith(b"#"):
            comments.append(line)
        elif line:
            name, _, value = line.partition(b" ")
            values[name] = value.strip()
    stated = [values[name] for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")]
    if not all(map(bytes.isdigit, stated)):
        raise UnreadableImage("The header of the PNM image makes no sense.")
    width, height, depth, white = map(int, stated)
    return Head(
        width,
        height,
        channels=depth,
        white=white,
        is_bits=False,
        is_plain=False,
        kind=values.get(b"TUPLTYPE", b""),
        comments=tuple(comments),
        start=len(head) + len(_LAST),
    )
