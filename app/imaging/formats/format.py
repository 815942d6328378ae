"""The record that describes a file format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from app.imaging.picture import Change, Header, Metadata, Picture


def _none_too_long(_: Metadata) -> Iterator[Change]:
    return iter(())


def _no_white(_: int) -> bool:
    return False


def _no_colour(_: Metadata) -> bool:
    return False


def srgb_alone(metadata: Metadata) -> bool:
    """Return whether colours without a profile are sRGB, as formats may assume."""
    return metadata.is_srgb


@dataclass(frozen=True, slots=True)
class Holds:
    """What a file of a format can store of a picture.

    `depths` are bits per sample, of which 32 means floating point; `extra` is a channel of no
    stated meaning, and `numbers` are samples that are signed, of 32 bits, or floating point beyond
    0 to 1. `profile` is a colour profile; `colour` tells whether PNG's description of colours
    without one can be stored, and `white` whether a value of white can that is not the greatest of
    8 or 16 bits. `too_long` yields the parts of metadata that would be left out. `frames` says that
    there may be several pages or slices, and `others` that pictures of other formats can be
    written.
    """

    depths: tuple[int, ...] = ()
    grey: bool = True
    alpha: bool = False
    extra: bool = False
    numbers: bool = False
    exif: bool = False
    xmp: bool = False
    dpi: bool = False
    profile: bool = True
    gain_map: bool = False
    colour: Callable[[Metadata], bool] = _no_colour
    white: Callable[[int], bool] = _no_white
    frames: bool = False
    others: bool = True
    too_long: Callable[[Metadata], Iterator[Change]] = _none_too_long


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A file format that is read, and written where it has an `encode`.

    `name` is its name in parameters and headers, `title` that for people. The first media type and
    the first suffix are those of files that are written. `recognises` tells whether any bytes are a
    file of the format; `read_header` and `decode` are called only for such files, and `decode` only
    after `read_header`. `encode` takes a quality of 1 to 100, which lossless formats ignore.
    """

    name: str
    title: str
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read_header: Callable[[bytes], Header]
    decode: Callable[[bytes], Picture]
    encode: Callable[[Picture, int | None], bytes] | None = None
    holds: Holds = field(default_factory=Holds)
    is_archive: bool = False
    """Whether files with its suffix may contain anything; folders are not searched for these."""
    encoding_bytes: int = 0
    """Bytes per pixel that encoding takes in addition to the samples and the file, if many."""
    needs_threads: bool = False
    """Whether its decoder starts threads, which requires a worker of its own."""

    @property
    def media_type(self) -> str:
        """The media type of files that are written."""
        return self.media_types[0]

    @property
    def suffix(self) -> str:
        """The suffix of files that are written, with its dot."""
        return self.suffixes[0]


def recognise(*signatures: bytes) -> Callable[[bytes], bool]:
    """Return a function that recognizes files by their first bytes."""
    return lambda data: data.startswith(signatures)
