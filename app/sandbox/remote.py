"""The service's view of a worker: a method for each command, which awaits its result.

Results are validated like untrusted input, since an image may have taken over the worker.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from app.imaging.formats import FORMATS
from app.imaging.formats.dicom_zip import MAX_VOLUMES
from app.imaging.noise import ChannelMode, NoiseKind
from app.imaging.picture import Change, Format, Header, Note
from app.sandbox.budget import SLACK, SMALL_BYTES, SMALL_PIXELS, SMALL_SEGMENTS, Need
from app.sandbox.caller import Caller
from app.sandbox.handles import SharedFile, SharedPicture
from app.sandbox.layout import Layout, parsed_header, to_message
from app.sandbox.rendering import Rendering
from app.sandbox.shared import Area, Region
from app.sandbox.wire import Message

FLOAT_BYTES = 4


class Remote(Caller):
    """The commands of a worker, which raise ImagingError, MemoryError, WorkerLost and JobFailed."""

    async def read(self, data: bytes) -> Header:
        """Give the worker a file; return its header."""
        self._take(data)
        answer = await self._ask("read", _area(data))
        with self.link.checked():
            return self._header(answer["header"])

    async def open(
        self, *files: bytes, max_pixels: int, max_side: int
    ) -> tuple[list[Header], list[Layout]]:
        """Read files and, in the same round trip, decode them if all are small.

        Decoding takes at most SMALL_BYTES per file. If no layouts are returned, nothing has been
        decoded yet.
        """
        answer = await self._opened(files, max_pixels, max_side, lend=False)
        with self.link.checked():
            headers = [self._header(header) for header in answer["headers"]]
            return headers, [Layout.parse(layout) for layout in answer["layouts"]]

    async def open_shared(
        self, data: bytes, *, max_pixels: int, max_side: int
    ) -> tuple[Header, SharedPicture | None]:
        """Open a single file; if it is decoded, it is handed over as by `decode_shared`."""
        answer = await self._opened([data], max_pixels, max_side, lend=True)
        with self.link.checked():
            (header,) = map(self._header, answer["headers"])
            layouts = [Layout.parse(layout) for layout in answer["layouts"]]
        return header, await self._lent(layouts[0]) if layouts else None

    async def _opened(
        self, files: Sequence[bytes], max_pixels: int, max_side: int, *, lend: bool
    ) -> Message:
        self._take(*files)
        known, count = self._need, len(files)
        self._need += Need(
            count * SMALL_PIXELS, count * SMALL_BYTES, segments=count * SMALL_SEGMENTS
        )
        given = map(_area, files)
        answer = await self._ask(
            "open", *given, max_pixels=max_pixels, max_side=max_side, lend=lend
        )
        self._need = known
        return answer

    def _take(self, *files: bytes) -> None:
        """Account for files that the worker receives."""
        self._need += Need(file_bytes=sum(map(len, files)))
        self._keeps = True

    def _header(self, given: Any) -> Header:
        """Return the header in a reply, on which the budgets of later commands are based."""
        header = parsed_header(given)
        self._need += Need(header.size, header.decoded_bytes, segments=header.segments)
        return header

    async def decode(self, *, max_pixels: int, max_side: int) -> Layout:
        """Let the worker decode the first of the remaining files, and keep the image."""
        answer = await self._ask("decode", max_pixels=max_pixels, max_side=max_side, lend=False)
        with self.link.checked():
            return Layout.parse(answer["layout"])

    async def decode_shared(self, *, max_pixels: int, max_side: int) -> SharedPicture:
        """Let the worker decode the file and hand the image over; it keeps nothing."""
        answer = await self._ask("decode", max_pixels=max_pixels, max_side=max_side, lend=True)
        with self.link.checked():
            layout = Layout.parse(answer["layout"])
        return await self._lent(layout)

    async def _lent(self, layout: Layout) -> SharedPicture:
        """Return the decoded image."""
        area = await self._handed_over("lend", layout.nbytes)
        return SharedPicture(area, layout)

    async def finish(
        self,
        picture: SharedPicture,
        restored: Area | None,
        rendering: Rendering,
        target: Format,
        quality: int | None,
        *,
        strip: bool,
    ) -> tuple[SharedFile, float]:
        """Encode an image with the network's result as its pixels.

        `restored` is None if there was nothing to denoise. Returns the file and the standard
        deviation of the noise found, 0..1.
        """
        layout, self._keeps = picture.layout, True
        shown = 0 if rendering.wanted == "image" else FLOAT_BYTES * layout.channels * layout.size
        self._need += Need(layout.size, 2 * layout.nbytes + 8 * layout.size + 2 * shown)
        answer, file = await self._encoded(
            "finish",
            [picture.area, *([restored] if restored else [])],
            layout.nbytes + shown,
            target,
            quality=quality,
            strip=strip,
            layout=to_message(layout),
            rendering=asdict(rendering),
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
            "encode", [], self._need.decoded_bytes, target, quality=quality, strip=strip
        )
        return file

    async def encode_shared(
        self, picture: SharedPicture, target: Format, quality: int | None, *, strip: bool
    ) -> SharedFile:
        """Encode an image that this process has written."""
        layout, self._keeps = picture.layout, True
        self._need += Need(layout.size, layout.nbytes)
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
        # half of it, since a budget doubles what decoding takes
        encoding = FORMATS[target].encoding_bytes * self._need.pixels // 2
        self._need += Need(decoded_bytes=encoding)
        answer = await self._ask(command, *given, format=str(target), **arguments)
        return answer, await self._file(answer, likely, target)

    async def _file(self, answer: Message, likely: int, target: Format) -> SharedFile:
        """Return the file that a reply announces."""
        with self.link.checked():
            size = int(answer["size"])
            changes = frozenset(map(Change, answer["changes"]))
            notes = tuple(map(Note, answer["notes"]))
            if not 0 < size <= 2 * likely + SLACK:
                raise ValueError(f"a file of {size} bytes")
        area = await self._handed_over("fetch", size)
        return SharedFile(area.view, target, changes, notes)

    async def split(self, file: bytes) -> list[tuple[Header, bytes]]:
        """Split a zip into volumes, each a zip of its own; return none if there is only one.

        Together they are hardly larger than the zip, unless it was packed better.
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
        """Join several zips into one."""
        sizes = [len(each.data) for each in files]
        area = await asyncio.to_thread(Region.holding, *(each.data for each in files))
        self._need, self._keeps = self._need + Need(file_bytes=area.size), True
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


def _area(data: bytes) -> Area:
    return Area(memoryview(data))
