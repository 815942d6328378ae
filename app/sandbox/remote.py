"""The service's view of a worker: a method for each command, which awaits its result.

Results are validated like untrusted input, since an image may have taken over the worker.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Self

from app.imaging import codec
from app.imaging.blend import Strength
from app.imaging.codec import Change, Format, Header, ImagingError, Note
from app.imaging.formats import FORMATS
from app.imaging.formats.dicom_zip import MAX_VOLUMES
from app.imaging.light import Transfer
from app.imaging.noise import ChannelMode, NoiseKind
from app.imaging.removed import Wanted
from app.sandbox import desk
from app.sandbox.faults import Cause, JobFailed
from app.sandbox.layout import (
    Layout,
    pack,
    parsed_header,
    parts,
    samples_alone,
    to_message,
    view,
    write,
)
from app.sandbox.limits import SLACK, SMALL_BYTES, SMALL_PIXELS, SMALL_SEGMENTS, Budget
from app.sandbox.link import Link
from app.sandbox.shared import Area, Region
from app.sandbox.wire import Message

FLOAT_BYTES = 4
THREAD_BYTES = 1 << 20
"""Longer files are copied in a thread, so that the event loop is not blocked."""


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file made by a worker, which may still see what is longer than its desk."""

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
    def holding(cls, picture: codec.Picture) -> Self:
        """Return a copy of an image, its metadata included."""
        packed = pack(picture.metadata)
        found = Layout.of(picture, packed)
        if found.nbytes > desk.SIZE:
            return cls(Region.holding(*parts(picture, packed)), found)
        area = Area.private(found.nbytes)
        write(picture, packed, area)
        return cls(area, found)

    @property
    def pixels(self) -> codec.Picture:
        """Its samples, not copied, without metadata."""
        return samples_alone(self.area, self.layout)

    @property
    def whole(self) -> codec.Picture:
        """Its samples, not copied, and its metadata; raises ValueError if those make no sense."""
        return view(self.area, self.layout)

    def room(self) -> Area:
        """Return memory for the network's result, passed to a worker together with the image."""
        size = self.layout.working_bytes
        return Region(size) if isinstance(self.area, Region) else Area.private(size)


class Remote:
    """The commands of a worker, which raise ImagingError, MemoryError, WorkerLost and JobFailed."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._keeps = False
        self._forget()

    def rest(self) -> None:
        """Have the worker drop what it may keep of a job that is over."""
        self._forget()
        if self._keeps:
            self._keeps = False
            self.link.tell({"do": "drop"})

    def _forget(self) -> None:
        self._pixels = self._decoded_bytes = self._file_bytes = self._segments = 0

    async def read(self, data: bytes) -> Header:
        """Give the worker a file; return what its header declares."""
        self._take(data)
        answer = await self._ask("read", _area(data))
        return self._header(answer["header"])

    async def open(
        self, *files: bytes, max_pixels: int, max_side: int
    ) -> tuple[list[Header], list[Layout]]:
        """Read files and, in the same trip, decode them if all are small.

        Decoding takes at most SMALL_BYTES for each file. Without layouts, nothing has been decoded
        yet.
        """
        answer = await self._opened(files, max_pixels, max_side, lend=False)
        headers = [self._header(header) for header in answer["headers"]]
        with self.link.checked():
            return headers, [Layout.parse(layout) for layout in answer["layouts"]]

    async def open_shared(
        self, data: bytes, *, max_pixels: int, max_side: int
    ) -> tuple[Header, SharedPicture | None]:
        """Open one file, handed over as `decode_shared` does if it is decoded."""
        answer = await self._opened([data], max_pixels, max_side, lend=True)
        with self.link.checked():
            (header,), layouts = map(self._header, answer["headers"]), answer["layouts"]
        return header, await self._lent(layouts[0]) if layouts else None

    async def _opened(
        self, files: Sequence[bytes], max_pixels: int, max_side: int, *, lend: bool
    ) -> Message:
        count = len(files)
        self._take(*files)
        self._pixels, self._decoded_bytes = count * SMALL_PIXELS, count * SMALL_BYTES
        self._segments = count * SMALL_SEGMENTS
        given = map(_area, files)
        answer = await self._ask(
            "open", *given, max_pixels=max_pixels, max_side=max_side, lend=lend
        )
        self._pixels = self._decoded_bytes = self._segments = 0
        return answer

    def _take(self, *files: bytes) -> None:
        """Account for files that the worker is to have."""
        self._file_bytes += sum(map(len, files))
        self._keeps = True

    def _header(self, given: Any) -> Header:
        """Return the header in a reply, which the budgets of later commands are based on."""
        with self.link.checked():
            header = parsed_header(given)
            self._pixels += header.size
            self._decoded_bytes += header.decoded_bytes
            self._segments += header.segments
        return header

    async def decode(self, *, max_pixels: int, max_side: int) -> Layout:
        """Have the first of the remaining files decoded, and kept by the worker."""
        answer = await self._ask("decode", max_pixels=max_pixels, max_side=max_side, lend=False)
        with self.link.checked():
            return Layout.parse(answer["layout"])

    async def decode_shared(self, *, max_pixels: int, max_side: int) -> SharedPicture:
        """Have the file decoded and handed over; the worker keeps nothing of it."""
        answer = await self._ask("decode", max_pixels=max_pixels, max_side=max_side, lend=True)
        return await self._lent(answer["layout"])

    async def _lent(self, given: Any) -> SharedPicture:
        """Return the image that was decoded."""
        with self.link.checked():
            layout = Layout.parse(given)
        area = await self._handed_over("lend", layout.nbytes)
        return SharedPicture(area, layout)

    async def finish(
        self,
        picture: SharedPicture,
        restored: Area | None,
        target: Format,
        quality: int | None,
        *,
        channels: int,
        strength: Strength,
        working_range: str,
        transfer: Transfer,
        made: str,
        wanted: Wanted,
        strip: bool,
    ) -> tuple[SharedFile, float]:
        """Encode an image with the network's result, of so many `channels`, as its pixels.

        `restored` is None if there was nothing to denoise. `strength` are the shares of the
        network's correction that are applied; `working_range` and `transfer` are the caller's.
        `made` says what was done, and `wanted` what the file is to show. Returns the file and the
        standard deviation of the noise found, 0..1.
        """
        layout, self._keeps = picture.layout, True
        self._pixels += layout.size
        shown = 0 if wanted == "image" else FLOAT_BYTES * layout.channels * layout.size
        self._decoded_bytes += 2 * layout.nbytes + 8 * layout.size + 2 * shown
        answer, file = await self._encoded(
            "finish",
            [picture.area, *([restored] if restored else [])],
            layout.nbytes + shown,
            target,
            quality=quality,
            strip=strip,
            layout=to_message(layout),
            channels=channels,
            strength=astuple(strength),
            working_range=working_range,
            transfer=transfer,
            made=made,
            wanted=wanted,
        )
        with self.link.checked():
            return file, min(1.0, max(0.0, float(answer["sigma"])))

    async def add_noise(
        self, *, factor: float, kind: NoiseKind, channels: ChannelMode, seed: int
    ) -> None:
        """Add noise to the image."""
        await self._ask(
            "add_noise", factor=factor, kind=kind.value, channels=channels.value, seed=seed
        )

    async def encode(self, target: Format, quality: int | None, *, strip: bool) -> SharedFile:
        """Encode the image."""
        _, file = await self._encoded(
            "encode", [], self._decoded_bytes, target, quality=quality, strip=strip
        )
        return file

    async def encode_shared(
        self, picture: SharedPicture, target: Format, quality: int | None, *, strip: bool
    ) -> SharedFile:
        """Encode an image that this process has written."""
        layout, self._keeps = picture.layout, True
        self._pixels += layout.size
        self._decoded_bytes += layout.nbytes
        _, file = await self._encoded(
            "encode_given",
            [picture.area],
            layout.nbytes,
            target,
            quality=quality,
            strip=strip,
            layout=to_message(layout),
        )
        return file

    async def _encoded(
        self, command: str, given: list[Area], likely: int, target: Format, **arguments: Any
    ) -> tuple[Message, SharedFile]:
        """Run a command that encodes; return its reply and the file, of at most `likely` bytes."""
        # half of what a budget is made of
        self._decoded_bytes += FORMATS[target].encoding_bytes * self._pixels // 2
        answer = await self._ask(command, *given, format=str(target), **arguments)
        return answer, await self._file(answer, likely, target)

    async def _file(self, answer: Message, likely: int, target: Format) -> SharedFile:
        """Return the file that a reply tells of."""
        with self.link.checked():
            size = int(answer["size"])
            changes = frozenset(map(Change, answer["changes"]))
            notes = tuple(map(Note, answer["notes"]))
            if not 0 < size <= 2 * likely + SLACK:
                raise ValueError(f"a file of {size} bytes")
        area = await self._handed_over("fetch", size)
        return SharedFile(area.view, target, changes, notes)

    async def split(self, file: bytes) -> list[tuple[Header, bytes]]:
        """Take the volumes of a zip apart, each into a zip of its own; none if there is only one.

        These are no larger together than the zip and what it could have been packed better.
        """
        self._take(file)
        answer = await self._ask("split", _area(file))
        volumes = []
        with self.link.checked():
            headers, sizes = answer["headers"], answer["sizes"]
            found = [
                (parsed_header(each), int(size)) for each, size in zip(headers, sizes, strict=True)
            ]
            if len(found) > MAX_VOLUMES or not all(size > 0 for _, size in found):
                raise ValueError(f"volumes of {sizes} bytes")
            if sum(size for _, size in found) > 2 * len(file) + SLACK:
                raise ValueError(f"volumes of {sizes} bytes")
        for header, size in found:
            area = Region(size)
            await self._ask("hand_over", area)
            volumes.append((header, area.read()))
        return volumes

    async def join(self, files: Sequence[SharedFile]) -> SharedFile:
        """Make one zip of several."""
        sizes = [len(each.data) for each in files]
        area = await asyncio.to_thread(Region.holding, *(each.data for each in files))
        self._file_bytes, self._keeps = area.size, True
        answer = await self._ask("join", area, parts=sizes)
        joined = await self._file(answer, area.size, Format.DICOM_ZIP)
        changes = frozenset(change for each in files for change in each.changes)
        notes = dict.fromkeys(note for each in files for note in each.notes)
        return replace(joined, changes=changes, notes=tuple(notes))

    async def compare(self) -> tuple[float, float, float]:
        """Return RMSE, PSNR and SSIM of the two images that were decoded."""
        answer = await self._ask("compare")
        self._keeps = False
        with self.link.checked():
            return float(answer["rmse"]), float(answer["psnr"]), float(answer["ssim"])

    async def _handed_over(self, command: str, size: int) -> Area:
        """Return the result, which lies on the desk, or is fetched by a command if it is longer."""
        if size > desk.SIZE:
            area: Area = Region(size)
            await self._ask(command, area)
        else:  # where the next job will write
            area = Area.private(size)
            area.view[:] = self.link.desk.view[:size]
        self._keeps = False
        return area

    async def _ask(self, command: str, *given: Area, **arguments: Any) -> Message:
        """Run a command and return its reply; its inputs lie on the desk, or in regions.

        Its result then lies at the beginning of the desk, if there is room for it.
        """
        budget = Budget.of(self._pixels, self._decoded_bytes, self._file_bytes, self._segments)
        message = {
            "do": command,
            "budget": [budget.memory, budget.seconds],
            "sizes": [each.size for each in given],
            **arguments,
        }
        regions = [] if desk.lay(self.link.desk, given) else [await _region(each) for each in given]
        answer = await self.link.ask(message, [region.fd for region in regions])
        if "error" in answer:
            raise self._error(answer)
        return answer

    def _error(self, answer: Message) -> Exception:
        name, detail = str(answer["error"]), str(answer.get("detail"))
        if name == "MemoryError":
            self.link.lost = Cause.MEMORY  # the rest of its memory may be corrupt
            return MemoryError("a worker had too little memory")
        kind = getattr(codec, name, None)
        if isinstance(kind, type) and issubclass(kind, ImagingError):
            return kind(detail)
        return JobFailed(detail)


async def _region(given: Area) -> Region:
    """Return memory for an input of a worker, where the worker can see it."""
    if isinstance(given, Region):
        return given
    if given.size > THREAD_BYTES:
        return await asyncio.to_thread(Region.holding, given.view)
    return Region.holding(given.view)


def _area(data: bytes) -> Area:
    return Area(memoryview(data))
