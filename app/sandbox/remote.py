"""A worker as the service sees it: a method for each of its commands, which waits for the answer.

What comes back is checked as a stranger's would be: a picture may have taken the worker over.
"""

import asyncio
import signal
import socket
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from typing import Any

from app.imaging import codec
from app.imaging.blend import Strength
from app.imaging.codec import Change, Format, Header, ImagingError, Note
from app.imaging.light import Transfer
from app.imaging.noise import ChannelMode, NoiseKind
from app.sandbox import wire
from app.sandbox.faults import Cause, JobFailed, WorkerLost
from app.sandbox.layout import Layout, samples_alone
from app.sandbox.limits import SLACK, SMALL_BYTES, SMALL_PIXELS, SMALL_SEGMENTS, Budget, cpu_seconds
from app.sandbox.nursery import Nursery
from app.sandbox.shared import Region
from app.sandbox.wire import Message

THREAD_BYTES = 1 << 20
"""Files that are longer are copied in a thread: the event loop has better things to do."""

ROOM = 1 << 20
"""Bytes of shared memory beside what is reckoned with, for metadata and a file's own structure."""
START_SECONDS = 30.0
"""In which the first worker, and the nursery that forks it, must have come up."""

CAUSES: dict[int, Cause] = {
    signal.SIGXCPU: Cause.TIME,
    signal.SIGKILL: Cause.KILLED,
    signal.SIGTERM: Cause.KILLED,
}


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that a worker has made, in memory that it may still see."""

    data: memoryview
    format: Format
    changes: frozenset[Change]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedPicture:
    """A decoded picture in shared memory, for another worker to go on with."""

    region: Region
    layout: Layout

    @property
    def pixels(self) -> codec.Picture:
        """Its samples, not copied, without metadata."""
        return samples_alone(self.region, self.layout)


class Remote:
    """A connection to a worker; one command at a time, which may raise ImagingError, MemoryError,
    WorkerLost and JobFailed.

    `patience`, in seconds, is for how long the worker may make no progress with a command.
    """

    def __init__(self, nursery: Nursery, patience: float) -> None:
        self._nursery, self._patience = nursery, patience
        self._connection, theirs = socket.socketpair()
        self._connection.setblocking(False)
        # Ends an idle worker that nobody closes. A __del__ of ours may come after the socket's own.
        self._finalizer = weakref.finalize(self, self._connection.close)
        with theirs:
            self._number = nursery.start(theirs)
        self.pid = 0
        """Of the worker's process, once it has spoken; 0 before."""
        self.lost: Cause | None = None
        self.busy = self._keeps = False
        self._received = b""
        self._forget()

    @property
    def usable(self) -> bool:
        """Whether it can take a job, as far as is known: it lives, and has nothing to say."""
        if self.lost or self.busy:
            return False
        if not self.pid:
            return True
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Ends the worker, whatever it is doing."""
        self._nursery.kill(self._number)
        self._finalizer()

    def rest(self) -> None:
        """Has the worker drop what it may keep of a job that is over."""
        self._forget()
        if self._keeps:
            self._keeps = False
            with suppress(OSError):  # it has gone, as the next job will see
                wire.send(self._connection, {"do": "drop"})

    def _forget(self) -> None:
        self._pixels = self._decoded_bytes = self._file_bytes = self._segments = 0

    async def read(self, data: bytes) -> Header:
        """Gives the worker a file; what its header declares."""
        region = await self._taken(data)
        answer = await self._ask("read", region)
        region.close()
        return self._header(answer)

    async def open(
        self, data: bytes, *, max_pixels: int, max_side: int
    ) -> tuple[Header, SharedPicture | None]:
        """`read`, and in the same trip `decode_shared` where the picture is small.

        Decoding takes SMALL_BYTES at most; None stands for a picture that is not decoded yet.
        """
        file = await self._taken(data)
        room = Region(SMALL_BYTES + 2 * len(data) + ROOM)
        self._pixels, self._decoded_bytes = SMALL_PIXELS, SMALL_BYTES
        self._segments = SMALL_SEGMENTS
        answer = await self._ask("open", file, room, max_pixels=max_pixels, max_side=max_side)
        file.close()
        self._pixels = self._decoded_bytes = self._segments = 0
        header = self._header(answer)
        return header, await self._shared(answer, room) if "layout" in answer else None

    async def _taken(self, data: bytes) -> Region:
        """A file in shared memory, for the worker to take."""
        self._file_bytes += len(data)
        self._keeps = True
        if len(data) > THREAD_BYTES:
            return await asyncio.to_thread(Region.holding, data)
        return Region.holding(data)

    def _header(self, answer: Message) -> Header:
        """The header in an answer, by which the next commands are reckoned."""
        with self._checked():
            header = Header(**answer["header"])
            self._pixels += header.size
            self._decoded_bytes += header.decoded_bytes
            self._segments += header.segments
        return header

    async def decode(self, *, max_pixels: int, max_side: int) -> Layout:
        """Has the first of the files that are left decoded, and kept by the worker."""
        answer = await self._ask("decode", max_pixels=max_pixels, max_side=max_side)
        with self._checked():
            return Layout.parse(answer["layout"])

    async def decode_shared(self, *, max_pixels: int, max_side: int) -> SharedPicture:
        """Has the file decoded and handed over; the worker keeps nothing of it."""
        # Memory that nobody touches costs nothing, so there may be too much of it.
        region = Region(self._decoded_bytes + 2 * self._file_bytes + ROOM)
        answer = await self._ask("decode", region, max_pixels=max_pixels, max_side=max_side)
        return await self._shared(answer, region)

    async def _shared(self, answer: Message, region: Region) -> SharedPicture:
        """The picture that was decoded into a region, or is to be lent where that is too small."""
        with self._checked():
            layout = Layout.parse(answer["layout"])
        if layout.nbytes > region.size:  # metadata that was packed, a hundredfold
            region = Region(layout.nbytes)
            await self._ask("lend", region)
        region.size = layout.nbytes
        self._keeps = False
        return SharedPicture(region, layout)

    async def finish(
        self,
        picture: SharedPicture,
        restored: Region | None,
        target: Format,
        quality: int | None,
        *,
        channels: int,
        strength: Strength,
        working_range: str,
        transfer: Transfer,
        made: str,
        strip: bool,
    ) -> tuple[SharedFile, float]:
        """A picture as a file, with the network's result, of so many channels, as its pixels.

        `restored` is None where there was nothing to denoise. `strength` are the shares of the
        network's correction that are applied; `working_range` and `transfer` are what the caller
        asked for, and `made` is what is said to have been done. The second is the deviation of the
        noise that was found, 0..1.
        """
        layout, self._keeps = picture.layout, True
        self._pixels += layout.size
        self._decoded_bytes += 2 * layout.nbytes + 8 * layout.size
        answer, file = await self._encoded(
            "finish",
            [picture.region, *([restored] if restored else [])],
            layout.nbytes,
            target,
            quality=quality,
            strip=strip,
            layout=layout.to_message(),
            channels=channels,
            strength=astuple(strength),
            working_range=working_range,
            transfer=transfer,
            made=made,
        )
        with self._checked():
            return file, min(1.0, max(0.0, float(answer["sigma"])))

    async def add_noise(
        self, *, factor: float, kind: NoiseKind, channels: ChannelMode, seed: int
    ) -> None:
        """Adds noise to the picture."""
        await self._ask(
            "add_noise", factor=factor, kind=kind.value, channels=channels.value, seed=seed
        )

    async def encode(self, target: Format, quality: int | None, *, strip: bool) -> SharedFile:
        """The picture as a file."""
        _, file = await self._encoded(
            "encode", [], self._decoded_bytes, target, quality=quality, strip=strip
        )
        return file

    async def _encoded(
        self, command: str, regions: list[Region], likely: int, target: Format, **arguments: Any
    ) -> tuple[Message, SharedFile]:
        """The answer to a command that encodes, and the file, of `likely` bytes at most."""
        region = Region(likely + ROOM)
        answer = await self._ask(command, *regions, region, format=str(target), **arguments)
        with self._checked():
            size = int(answer["size"])
            changes = frozenset(map(Change, answer["changes"]))
            notes = tuple(map(Note, answer["notes"]))
            if not 0 < size <= 2 * likely + SLACK:
                raise ValueError(f"a file of {size} bytes")
        if size > region.size:
            region = Region(size)
            await self._ask("fetch", region)
        region.size = size
        data = region.view
        region.close()
        self._keeps = False
        return answer, SharedFile(data, target, changes, notes)

    async def compare(self) -> tuple[float, float, float]:
        """RMSE, PSNR and SSIM of the two pictures that were decoded."""
        answer = await self._ask("compare")
        self._keeps = False
        with self._checked():
            return float(answer["rmse"]), float(answer["psnr"]), float(answer["ssim"])

    async def _ask(self, command: str, *regions: Region, **arguments: Any) -> Message:
        """The answer to a command."""
        budget = Budget.of(self._pixels, self._decoded_bytes, self._file_bytes, self._segments)
        sizes = [region.size for region in regions]
        message = {
            "do": command,
            "budget": [budget.memory, budget.seconds],
            "sizes": sizes,
            **arguments,
        }
        self.busy = True
        with self._watched():
            if not self.pid:
                self.pid = int((await self._hear())["pid"])
            self._say(message, [region.fd for region in regions])
            answer = await self._hear()
        self.busy = False
        if "error" in answer:
            raise self._error(answer)
        return answer

    def _say(self, message: Message, fds: Sequence[int]) -> None:
        try:
            wire.send(self._connection, message, fds)
        except OSError as error:
            raise self._loss(Cause.KILLED, str(error)) from error

    async def _hear(self) -> Message:
        try:
            await self._receive(wire.LENGTH.size)
            end = wire.LENGTH.size + wire.length(self._received)
            await self._receive(end)
            message = wire.parsed(self._received[wire.LENGTH.size : end])
        except (EOFError, OSError) as error:
            raise self._loss(Cause.KILLED, "hung up") from error
        except wire.Garbled as error:
            raise self._loss(Cause.CRASHED, str(error)) from error
        self._received = self._received[end:]
        if "died" in message:
            raise self._death(message["died"])
        return message

    async def _receive(self, size: int) -> None:
        """Waits until so many bytes of the worker's words are here."""
        loop = asyncio.get_running_loop()
        while len(self._received) < size:
            part = await loop.sock_recv(self._connection, wire.LONGEST)
            if not part:
                raise EOFError
            self._received += part

    def _death(self, code: Any) -> WorkerLost:
        """By the exit code that the nursery tells of, or a worker that pretends to be it."""
        if not isinstance(code, int) or code >= 0:
            return self._loss(Cause.CRASHED, f"exit code {code}")
        known = code in (-number for number in signal.valid_signals())
        name = signal.Signals(-code).name if known else str(code)
        return self._loss(CAUSES.get(-code, Cause.CRASHED), name)

    def _loss(self, cause: Cause, detail: str) -> WorkerLost:
        self.lost = self.lost or cause
        return WorkerLost(self.lost, detail)

    @contextmanager
    def _checked(self) -> Iterator[None]:
        """Takes for a crash what no worker says that is in its right mind."""
        try:
            yield
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._loss(Cause.CRASHED, f"its answer makes no sense: {error!r}") from error

    def _error(self, answer: Message) -> Exception:
        name, detail = str(answer["error"]), str(answer.get("detail"))
        if name == "MemoryError":
            self.lost = Cause.MEMORY  # what is left of its memory may be in pieces
            return MemoryError("a worker had too little memory")
        kind = getattr(codec, name, None)
        if isinstance(kind, type) and issubclass(kind, ImagingError):
            return kind(detail)
        return JobFailed(detail)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Ends the worker if it makes no progress meanwhile.

        Progress is processor time: honest work goes on, however slow the machine is.
        """
        loop, period = asyncio.get_running_loop(), self._patience / 2
        seen, timer = -1.0, loop.call_later(period if self.pid else START_SECONDS, lambda: look())

        def look() -> None:
            nonlocal seen, timer
            timer = loop.call_later(period, look)
            now = cpu_seconds(self.pid) if self.pid else None
            if self.lost:  # it was to be killed, and nobody did it
                self._nursery.end()
            elif now == seen or not self.pid:
                self.lost = Cause.STUCK
                self._nursery.kill(self._number)
            seen = seen if now is None else now

        try:
            yield
        finally:
            timer.cancel()
