"""The service's handles of files and images that workers have made."""

from dataclasses import dataclass
from typing import Self

from app.imaging.picture import Change, Format, Note, Picture
from app.sandbox import scratch
from app.sandbox.layout import Layout, pack, parts, samples_alone, view, write
from app.sandbox.shared import Area, Region


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file made by a worker, which may still see it if it is longer than the scratch memory."""

    data: memoryview
    format: Format
    changes: frozenset[Change]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedPicture:
    """A decoded image that any worker can continue with."""

    area: Area
    layout: Layout

    @classmethod
    def holding(cls, picture: Picture) -> Self:
        """Return a copy of an image, its metadata included."""
        packed = pack(picture.metadata)
        found = Layout.of(picture, packed)
        if found.nbytes > scratch.SIZE:
            return cls(Region.holding(*parts(picture, packed)), found)
        area = Area.private(found.nbytes)
        write(picture, packed, area)
        return cls(area, found)

    @property
    def pixels(self) -> Picture:
        """Its samples, not copied, without metadata."""
        return samples_alone(self.area, self.layout)

    @property
    def whole(self) -> Picture:
        """Its samples, not copied, and its metadata; raises ValueError if these are invalid."""
        return view(self.area, self.layout)

    def room(self) -> Area:
        """Return memory for the network's result, which a worker gets along with the image."""
        size = self.layout.working_bytes
        return Region(size) if isinstance(self.area, Region) else Area.private(size)
