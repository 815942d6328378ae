"""The layout of an image in shared memory: pixels, alpha, an extra channel, metadata."""

import io
import json
import math
import re
import struct
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np

from app.imaging.picture import MODALITY, Change, Format, Header, Metadata, Picture
from app.imaging.stack import MAX_FRAMES, Stack, spacing_of
from app.sandbox.shared import Area
from app.sandbox.wire import Message

TYPES = (
    *("uint8", "uint16", "uint32", "int8", "int16", "int32"),
    *("float16", "float32", "float64"),
)
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Layout:
    """What is needed to locate an image in shared memory, and to encode its result."""

    stack: Stack
    height: int
    width: int
    channels: int
    dtype: str
    alpha: bool
    extra: bool
    metadata: int
    """Bytes of the packed metadata."""
    format: str
    lossless: bool
    """Whether it was a PNM, or a lossless WebP, JPEG XL or JPEG 2000."""
    linear: bool
    """Whether its samples are proportional to light."""
    negative: float | None
    """The sum of any sample and its stored value, if white is stored as the least value."""
    no_data: float | None
    """The value of samples that stand for no data."""
    changes: tuple[str, ...]
    modality: str

    @classmethod
    def of(cls, picture: Picture, packed: bytes) -> Self:
        """Return the layout of an image and its packed metadata."""
        return cls(
            stack=picture.stack,
            height=picture.height,
            width=picture.width,
            channels=picture.channels,
            dtype=picture.dtype.name,
            alpha=picture.alpha is not None,
            extra=picture.extra is not None,
            metadata=len(packed),
            format=str(picture.format),
            lossless=picture.metadata.lossless,
            linear=picture.metadata.linear,
            negative=picture.metadata.negative,
            no_data=picture.metadata.no_data,
            changes=tuple(sorted(picture.changes)),
            modality=picture.modality,
        )

    @classmethod
    def parse(cls, given: Any) -> Self:
        """Parse a layout in a message; raise ValueError if it is not that of an image."""
        try:
            changes, stack = tuple(given["changes"]), _parsed_stack(given["stack"])
            layout = cls(**given | {"changes": changes, "stack": stack})
            Format(layout.format)
            sides = layout.height, layout.width
            is_sound = (
                all(type(n) is int for n in (*sides, layout.metadata))
                and min(sides) > 0
                and layout.metadata >= 0
                and 0 < stack.frames <= MAX_FRAMES
                and layout.channels in (1, 3)
                and layout.dtype in TYPES
                and _is_modality(layout.modality)
                and isinstance(layout.negative, int | float | None)
                and _is_value(layout.no_data, layout.dtype)
            )
        except (TypeError, KeyError) as error:
            raise ValueError("not a layout") from error
        if not is_sound:
            raise ValueError(f"no picture is like this: {layout}")
        return layout

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the pixels, all frames one below the other."""
        return self.stack.frames * self.height, self.width, self.channels

    @property
    def sides(self) -> str:
        """Width, height and frames as text."""
        frames = f" in {self.stack.frames} frames" if self.stack.frames > 1 else ""
        return f"{self.width}x{self.height}{frames}"

    @property
    def size(self) -> int:
        """Pixels of all frames."""
        return self.stack.frames * self.height * self.width

    @property
    def pixel_bytes(self) -> int:
        """Bytes of all pixels, without alpha."""
        return self.size * self.channels * np.dtype(self.dtype).itemsize

    @property
    def alpha_bytes(self) -> int:
        """Bytes of the alpha channel."""
        return self.pixel_bytes // self.channels if self.alpha else 0

    @property
    def extra_bytes(self) -> int:
        """Bytes of the channel without a stated meaning."""
        return self.pixel_bytes // self.channels if self.extra else 0

    @property
    def working_bytes(self) -> int:
        """Bytes of everything that a network processes: the pixels, and the extra channel."""
        return self.pixel_bytes + self.extra_bytes

    @property
    def nbytes(self) -> int:
        """Bytes of everything, metadata included."""
        return self.pixel_bytes + self.alpha_bytes + self.extra_bytes + self.metadata


def to_message(record: Header | Layout) -> Message:
    """Return a record as JSON represents it."""
    return asdict(record)


def parsed_header(given: Any) -> Header:
    """Parse a header in a message; raise ValueError if no image has one like it."""
    try:
        header = Header(**given | {"stack": _parsed_stack(given["stack"])})
        sides = header.width, header.height
        sizes = *sides, header.segments, header.pixel_bytes, header.more_bytes
        is_sound = (
            all(type(n) is int for n in sizes) and min(sizes) >= 0 and _is_modality(header.modality)
        )
    except (TypeError, KeyError) as error:
        raise ValueError("not a header") from error
    if not is_sound:
        raise ValueError(f"no picture has this header: {header}")
    return header


def _parsed_stack(given: Any) -> Stack:
    """Parse the arrangement of frames; raise ValueError, TypeError or KeyError if it is none."""
    spacing = given["spacing"] and spacing_of(*given["spacing"])
    stack = Stack(**given | {"spacing": spacing})
    counts = stack.frames, stack.volumes, stack.channels, stack.run
    if not (all(type(n) is int for n in counts) and stack.frames >= 0 and stack.is_regular):
        raise ValueError(f"no picture has these frames: {stack}")
    return stack


def _is_value(given: Any, dtype: str) -> bool:
    """Return whether a number is None, or one that samples of a type may have."""
    if given is None or dtype.startswith("float"):
        return given is None or (isinstance(given, float) and math.isfinite(given))
    bounds = np.iinfo(dtype)
    return isinstance(given, float) and bounds.min <= given <= bounds.max


def _is_modality(given: Any) -> bool:
    return given == "" or (isinstance(given, str) and bool(re.fullmatch(MODALITY, given)))


def write(picture: Picture, packed: bytes, area: Area) -> None:
    """Copy an image into shared memory that is at least as large as its layout."""
    end = 0
    for part in parts(picture, packed):
        area.view[end : end + len(part)] = part
        end += len(part)


def parts(picture: Picture, packed: bytes) -> list[memoryview]:
    """Return the bytes of an image, in the order of its layout."""
    planes = (picture.pixels, picture.alpha, picture.extra)
    flat = (np.ascontiguousarray(each).reshape(-1) for each in planes if each is not None)
    return [*(each.view(np.uint8).data for each in flat), memoryview(packed)]


def view(area: Area, layout: Layout) -> Picture:
    """Return the image in an area, without copying its samples; raise ValueError if invalid."""
    start = layout.nbytes - layout.metadata
    return replace(
        samples_alone(area, layout),
        metadata=unpack(bytes(area.view[start : start + layout.metadata])),
        changes=frozenset(map(Change, layout.changes)),
    )


def samples_alone(area: Area, layout: Layout) -> Picture:
    """Return the image without metadata, except for what is needed to encode its result.

    Nothing that a worker has written is parsed.
    """
    plane, end = layout.shape[:2], layout.pixel_bytes
    return Picture(
        area.array(layout.shape, layout.dtype),
        area.array(plane, layout.dtype, end) if layout.alpha else None,
        Format(layout.format),
        Metadata(
            lossless=layout.lossless,
            linear=layout.linear,
            negative=layout.negative,
            no_data=layout.no_data,
        ),
        stack=layout.stack,
        modality=layout.modality,
        extra=area.array(plane, layout.dtype, end + layout.alpha_bytes) if layout.extra else None,
    )


def pack(metadata: Metadata) -> bytes:
    """Pack the metadata into bytes: a JSON table of its parts, followed by the parts."""
    parts: list[bytes] = []
    table = {field.name: _entry(getattr(metadata, field.name), parts) for field in fields(metadata)}
    head = json.dumps(table).encode()
    return b"".join((_LENGTH.pack(len(head)), head, *parts))


def unpack(packed: bytes) -> Metadata:
    """Unpack what `pack` has packed."""
    (size,) = _LENGTH.unpack_from(packed)
    rest = io.BytesIO(packed[_LENGTH.size + size :])
    table = json.loads(packed[_LENGTH.size : _LENGTH.size + size])
    return Metadata(**{name: _value(entry, rest) for name, entry in table.items()})


# Not within `pack` and `unpack`: a function that calls itself from there keeps the parts, which may
# be most of a file, until garbage is collected.


def _entry(value: Any, parts: list[bytes]) -> Any:
    """Return what the table says of a value, whose bytes are added to the parts."""
    if isinstance(value, bytes):
        parts.append(value)
        return {"bytes": len(value)}
    return [_entry(item, parts) for item in value] if isinstance(value, tuple) else value


def _value(entry: Any, rest: io.BytesIO) -> Any:
    if isinstance(entry, dict):
        return rest.read(entry["bytes"])
    return tuple(_value(item, rest) for item in entry) if isinstance(entry, list) else entry
