"""Files of volumes in which the samples are one run: new samples, all other bytes unchanged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.formats import gzipped
from app.imaging.formats.format import FileFormat, Holds
from app.imaging.formats.trailer import in_trailer
from app.imaging.picture import (
    Format,
    Header,
    Metadata,
    Note,
    Picture,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.imaging.stack import Stack, spacing_of

MAX_COMPONENTS = 512
"""Maximum samples of a voxel that are channels."""

HOLDS = Holds(depths=(8, 16, 32, 64), numbers=True, frames=True, others=False)


@dataclass(frozen=True, slots=True)
class Packing:
    """How samples are compressed.

    `unpack` takes the bytes from the first of the samples on, and the most to inflate; it returns
    what is inflated, and the bytes that this took.
    """

    pack: Callable[[bytes], bytes]
    unpack: Callable[[bytes, int], tuple[bytes, int]]


GZIP = Packing(gzipped.packed, gzipped.inflated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The properties needed to find and decode the samples."""

    width: int
    height: int
    channels: int = 1
    components: int = 1
    """The samples of a voxel that are frames of their own, which the file stores side by side."""
    dtype: np.dtype[Any]
    """The type of the samples, in the byte order of the file."""
    offset: int
    """The place of the samples, in bytes."""
    stack: Stack
    modality: str = ""
    packing: Packing | None = None
    length: slice | None = None
    """Where the header states the length of compressed samples, in digits."""

    @property
    def samples(self) -> int:
        """The number of samples."""
        return self.stack.frames * self.height * self.width * self.channels

    @property
    def nbytes(self) -> int:
        """The size of the samples when inflated."""
        return self.samples * self.dtype.itemsize

    @property
    def end(self) -> int:
        """The end of samples that are not compressed, in bytes."""
        return self.offset + self.nbytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, as itself and, if there is another name, in gzip."""

    called: str
    """Its title with an article."""
    names: tuple[Format, ...]
    recognises: Callable[[bytes], bool]
    read_head: Callable[[bytes], Head]
    """Raises UnreadableImage and UnsupportedImage; needs no more of a file than its header."""

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.called.partition(" ")[2]

    def read_header(self, data: bytes) -> Header:
        """Read the header, and check that the samples are complete, unless these are compressed."""
        head = self.read_head(data)
        end = head.end
        if head.packing:
            end = head.offset + (int(data[head.length]) if head.length else 0)
        if end > len(data):
            raise UnreadableImage(f"The {self.title} image is truncated.")
        header = self.declared(head, copies=4 if head.packing else 2)
        return replace(header, more_bytes=header.more_bytes + (len(data) if head.packing else 0))

    def declared(self, head: Head, copies: int) -> Header:
        """Return the declared properties of a file; decoding takes `copies` of its samples."""
        return Header(
            self.names[0],
            head.width,
            head.height,
            head.stack,
            copies * head.channels * head.dtype.itemsize,
            2 * head.offset,
            modality=head.modality,
        )

    def decode(self, data: bytes) -> Picture:
        """Decode samples as stored, rows and slices in the order of the file."""
        head = self.read_head(data)
        if head.packing:
            stored, end = self._unpacked(data, head, head.packing)
            samples = np.frombuffer(stored, head.dtype)
        else:
            samples, end = np.frombuffer(data, head.dtype, head.samples, head.offset), head.end
        pixels = _parted(samples, head).astype(head.dtype.newbyteorder("="), "C")
        return Picture(
            pixels.reshape(head.stack.frames * head.height, head.width, head.channels),
            format=self.names[0],
            metadata=Metadata(
                native=(data[: head.offset], data[end:]), notes=(Note.NOT_FOR_DIAGNOSIS,)
            ),
            stack=head.stack,
        )

    def _unpacked(self, data: bytes, head: Head, packing: Packing) -> tuple[bytes, int]:
        """Inflate as many samples as are declared; return them, and where they end in the file."""
        found, used = packing.unpack(data[head.offset :], head.nbytes + 1)
        if len(found) > head.nbytes:
            raise UnreadableImage(f"The {self.title} image is longer than it declares.")
        if len(found) < head.nbytes:
            raise UnreadableImage(f"The {self.title} image is truncated.")
        if head.length and int(data[head.length]) != used:
            raise UnreadableImage(f"The {self.title} image is not packed as long as it declares.")
        return found, head.offset + used

    def encode(self, picture: Picture, quality: int | None = None) -> bytes:  # noqa: ARG002
        """Encode a picture read from such a file, leaving all bytes around its samples unchanged.

        Raises `UnsuitableFormat` for all other pictures, whose position in space is unknown.
        """
        before, behind = self.around(picture)
        head = self.read_head(before)
        self.check(picture, head, head.dtype.newbyteorder("="))
        samples = _joined(picture.pixels, head).astype(head.dtype).tobytes("C")
        if head.packing:
            samples = head.packing.pack(samples)
        if head.length:
            before = b"%b%d%b" % (
                before[: head.length.start],
                len(samples),
                before[head.length.stop :],
            )
        return b"".join((before, samples, behind))

    def around(self, picture: Picture) -> tuple[bytes, bytes]:
        """Return the bytes before and behind the samples of a picture read from such a file."""
        native = picture.metadata.native
        if picture.format not in self.names or len(native) != 2:
            raise UnsuitableFormat(
                f"Only what came as {self.called}, and with its metadata, can be written as one; "
                "ask for tiff."
            )
        return native[0], native[1]

    def check(self, picture: Picture, head: Head, dtype: np.dtype[Any]) -> None:
        """Raise `UnsuitableFormat` unless a header describes a picture, of a type."""
        kept = head.width, head.height, head.channels, head.stack, dtype
        given = picture.width, picture.height, picture.channels, picture.stack, picture.dtype
        if kept != given:
            raise UnsuitableFormat(
                f"The image is not what its {self.title} header describes; ask for tiff."
            )

    def file(self, media_type: str, *suffixes: str) -> FileFormat:
        """Return the record of such files."""
        return FileFormat(
            name=self.names[0],
            title=self.title,
            media_types=(media_type,),
            suffixes=suffixes,
            recognises=self.recognises,
            read_header=self.read_header,
            decode=self.decode,
            encode=self.encode,
            holds=HOLDS,
        )

    def in_gzip(
        self, media_type: str, *suffixes: str, longest: int, most_behind: int = 0
    ) -> FileFormat:
        """Return the record of such files in gzip.

        A header has `longest` bytes, and at most `most_behind` follow the samples, whose end no
        header states.
        """
        name = self.names[1]

        def recognises(data: bytes) -> bool:
            return self.recognises(gzipped.beginning(data, longest))

        def read_header(data: bytes) -> Header:
            head = self.read_head(gzipped.beginning(data, longest))
            header = self.declared(head, copies=4)
            return replace(header, format=name, more_bytes=header.more_bytes + 4 * most_behind)

        def decode(data: bytes) -> Picture:
            head = self.read_head(gzipped.beginning(data, longest))
            most = head.end + most_behind
            inflated, position = gzipped.inflated(data, most + 1)
            if len(inflated) > most:
                raise UnreadableImage(f"The {self.title} image is longer than it declares.")
            self.read_header(inflated)
            picture = self.decode(inflated)
            changes = picture.changes | in_trailer(data[position:])
            return replace(picture, format=name, changes=changes)

        def encode(picture: Picture, quality: int | None = None) -> bytes:
            return gzipped.packed(self.encode(picture, quality))

        return FileFormat(
            name=name,
            title=f"{self.title} in gzip",
            media_types=(media_type,),
            suffixes=suffixes,
            recognises=recognises,
            read_header=read_header,
            decode=decode,
            encode=encode,
            holds=HOLDS,
        )


def _parted(samples: NDArray[Any], head: Head) -> NDArray[Any]:
    """Return stored samples as [components, frames of each, height, width, channels]."""
    shape = -1, head.height, head.width, head.components, head.channels
    return np.moveaxis(samples.reshape(shape), 3, 0)


def _joined(pixels: NDArray[Any], head: Head) -> NDArray[Any]:
    """Undo `_parted`."""
    shape = head.components, -1, head.height, head.width, head.channels
    return np.moveaxis(pixels.reshape(shape), 0, 3)


def are_colours(components: int, dtype: np.dtype[Any]) -> bool:
    """Return whether voxels of so many samples are RGB, where a header does not say what they are.

    Those of three unsigned integers of 8 or 16 bits are practically always colours.
    """
    return components == 3 and dtype.kind == "u" and dtype.itemsize <= 2


def of_channels(title: str, stack: Stack, components: int) -> Stack:
    """Return the stack of frames whose voxels have samples of several meanings."""
    if components > MAX_COMPONENTS:
        raise UnsupportedImage(f"The {title} has more than {MAX_COMPONENTS} channels.")
    if components == 1:
        return stack
    return Stack(stack.frames * components, channels=components, run=stack.frames)


def type_of(title: str, types: dict[Any, str], kind: Any, order: str) -> np.dtype[Any]:
    """Return the type of samples by its name or number in a header."""
    if kind not in types:
        raise UnsupportedImage(
            f"The {title} has the data type {str(kind)[:40]}, which is not supported; save "
            "it with integers of 8, 16 or 32 bits, or floating point of 32 or 64."
        )
    return np.dtype(order + types[kind])


def arranged(
    title: str, sizes: Sequence[int], distances: Sequence[float] = ()
) -> tuple[int, int, Stack]:
    """Return width, height and stack of up to four sizes, the fastest first; more may only be 1.

    `distances` are those between columns, rows and slices.
    """
    if min(sizes, default=0) < 1:
        raise UnreadableImage(f"The {title} image has dimensions that make no sense.")
    width, height, depth, volumes, *more = [*sizes, 1, 1, 1]
    if max(more, default=1) > 1:
        raise UnsupportedImage(f"The {title} image has more than four dimensions.")
    is_volume = depth > 1 and len(distances) >= 3
    spacing = spacing_of(*distances[2::-1]) if is_volume else None
    return width, height, Stack(depth * volumes, volumes, spacing)
