"""The resources that a job may use, by the headers of its images."""

import math
from dataclasses import dataclass

from app.imaging.picture import Header

SLACK = 256 << 20
"""Bytes of address space for any job, for processing in bands."""
SECONDS = 3
"""Seconds of processor time for any job."""
SECONDS_PER_MEGAPIXEL = 3.0
"""Seconds per megapixel: six times the slowest job, the comparison of two images."""
SECONDS_PER_DECODED_MEGAPIXEL = 0.75
"""Seconds per megapixel to decode: together with those for the bytes of the file, at least six
times what the slowest files take, which are lossless JPEG XL and JPEG 2000. A crafted file can make
its decoder process all pixels again for every ten bytes.
"""
SECONDS_PER_FILE_MEGABYTE = 0.5
"""Seconds per megabyte of the files: ten times what it takes to inspect all files in a zip."""
SECONDS_PER_SEGMENT = 0.0005
"""Seconds per segment: six times a tile of a few pixels."""

MOST = 1 << 47
"""More bytes and seconds than any machine has: a header may declare anything, and limits are 64-bit
numbers.
"""

SMALL_PIXELS, SMALL_BYTES, SMALL_SEGMENTS = 1 << 20, 1 << 24, 1 << 10
"""Pixels, bytes to decode, and segments up to which an image is decoded in the round trip that
reads its header: this much memory can be reserved in advance.
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a job may use beyond an idle worker."""

    memory: int
    """Bytes of address space."""
    seconds: int
    """Seconds of processor time."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a job has to process; needs add up."""

    pixels: int = 0
    decoded_bytes: int = 0
    """The most that decoding takes; as much again is allowed for results."""
    file_bytes: int = 0
    """Bytes of the files; there may be another copy of them, and two of the metadata."""
    segments: int = 0

    def __add__(self, other: "Need") -> "Need":
        return Need(
            self.pixels + other.pixels,
            self.decoded_bytes + other.decoded_bytes,
            self.file_bytes + other.file_bytes,
            self.segments + other.segments,
        )

    @property
    def budget(self) -> Budget:
        """What a job with this need may use."""
        return self._budget(SECONDS_PER_MEGAPIXEL)

    @property
    def decoding(self) -> Budget:
        """What decoding may use."""
        return self._budget(SECONDS_PER_DECODED_MEGAPIXEL)

    def _budget(self, per_megapixel: float) -> Budget:
        seconds = per_megapixel * self.pixels / 1e6
        seconds += SECONDS_PER_SEGMENT * self.segments
        seconds += SECONDS_PER_FILE_MEGABYTE * self.file_bytes / 1e6
        memory = SLACK + 2 * self.decoded_bytes + 4 * self.file_bytes
        return Budget(min(memory, MOST), min(SECONDS + math.ceil(seconds), MOST))


def is_small(header: Header) -> bool:
    """Return whether an image is decoded in the round trip that reads its header."""
    return (
        header.size <= SMALL_PIXELS
        and header.decoded_bytes <= SMALL_BYTES
        and header.segments <= SMALL_SEGMENTS
    )
