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
    """What a file of a format can store of a picture."""

    depths: tuple[int, ...] = ()
    """Bits per sample; 32 means floating point."""
    grey: bool = True
    alpha: bool = False
    extra: bool = False
    """A channel of no stated meaning."""
    numbers: bool = False
    """Samples that are signed, of 32 bits, or floating point beyond 0 to 1."""
    exif: bool = False
    xmp: bool = False
    dpi: bool = False
    profile: bool = True
    """A colour profile."""
    gain_map: bool = False
    colour: Callable[[Metadata], bool] = _no_colour
    """Tells whether colours that PNG chunks define, instead of a profile, can be stored."""
    white: Callable[[int], bool] = _no_white
    """Tells whether this value of white can be stored, if it is neither 255 nor 65535."""
    frames: bool = False
    """Several pages or slices."""
    others: bool = True
    """Pictures that were read from other formats."""
    too_long: Callable[[Metadata], Iterator[Change]] = _none_too_long
    """Yields the changes due to metadata that are too long to be stored."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A file format that is read, and written if it has an `encode`."""

    name: str
    """Its name in parameters and headers."""
    title: str
    """Its name for people."""
    media_types: tuple[str, ...]
    """The first is that of files that are written."""
    suffixes: tuple[str, ...]
    """With a dot; the first is that of files that are written."""
    recognises: Callable[[bytes], bool]
    """Tells whether any bytes are a file of the format."""
    read_header: Callable[[bytes], Header]
    """Called only for files that are recognized."""
    decode: Callable[[bytes], Picture]
    """Called only for files whose header could be read."""
    encode: Callable[[Picture, int | None], bytes] | None = None
    """Takes a quality of 1 to 100, which lossless formats ignore."""
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
