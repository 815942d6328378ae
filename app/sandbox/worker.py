"""What a worker does: one command after the other, on files and pictures that it keeps."""

import os
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from app.imaging.blend import Strength
from app.imaging.codec import (
    Encoded,
    Format,
    Header,
    ImagingError,
    Picture,
    decode,
    encode,
    read_header,
    stripped,
)
from app.imaging.light import Transfer
from app.imaging.metrics import psnr, rmse, ssim
from app.imaging.noise import ChannelMode, NoiseKind, add_noise
from app.imaging.picture import told
from app.imaging.range import read_choice, robust
from app.imaging.scale import Pixels, is_plain
from app.imaging.view import corrected, noise_found, view_of
from app.sandbox import layout, limits, wire
from app.sandbox.layout import Layout, view
from app.sandbox.shared import Region
from app.sandbox.wire import Message

LONGEST_WORDS = 8000


def work(connection: socket.socket) -> None:
    """Serves until the service hangs up."""
    bench, idle_memory = Bench(), limits.address_space()
    wire.send(connection, {"pid": os.getpid()})
    while (received := wire.receive(connection)) is not None:
        message, fds = received
        name = message.pop("do")
        if name == "drop":
            bench.drop()
            continue
        limits.impose(limits.Budget(*message.pop("budget")), idle_memory)
        wire.send(connection, _answer(getattr(bench, name), message, fds))


def _answer(command: Callable[..., Message], arguments: Message, fds: list[int]) -> Message:
    """What the command says, or what went wrong with it."""
    regions = map(Region, arguments.pop("sizes"), fds)  # each is closed when it goes
    try:
        return command(*regions, **arguments)
    except ImagingError as error:
        return {"error": type(error).__name__, "detail": str(error)[:LONGEST_WORDS]}
    except MemoryError:
        return {"error": "MemoryError", "detail": ""}
    except Exception:
        return {"error": "Exception", "detail": traceback.format_exc()[-LONGEST_WORDS:]}


class Bench:
    """The files and pictures of one job, and the commands on them."""

    def __init__(self) -> None:
        self.drop()

    def drop(self) -> None:
        """Keeps nothing any more; the commands that end a job do so themselves."""
        self._files: list[bytes] = []
        self._pictures: list[Picture] = []
        self._metadata = b""
        self._encoded: Encoded | None = None

    def read(self, file: Region) -> Message:
        """Takes a file; says what its header declares."""
        data = file.read()
        header = read_header(data)
        self._files.append(data)
        return {"header": asdict(header)}

    def open(self, file: Region, room: Region, *, max_pixels: int, max_side: int) -> Message:
        """Takes a file; decodes it if it is small, and else says only what its header declares."""
        answer = self.read(file)
        header = Header(**answer["header"])
        if not limits.is_small(header):
            return answer
        return answer | self.decode(room, max_pixels=max_pixels, max_side=max_side)

    def decode(self, room: Region | None = None, *, max_pixels: int, max_side: int) -> Message:
        """Decodes the first of the files that are left, and puts it into shared memory if that has
        room for it; says how it lies there, or would in memory of its own.
        """
        picture = decode(self._files.pop(0), max_pixels=max_pixels, max_side=max_side)
        self._metadata = layout.pack(picture.metadata)
        found = Layout.of(picture, self._metadata)
        self._pictures.append(picture)
        if room is not None and found.nbytes <= room.size:
            room.size = found.nbytes  # what is mapped counts as memory
            self.lend(room)
        return {"layout": found.to_message()}

    def lend(self, room: Region) -> Message:
        """Copies the picture into shared memory, and keeps nothing of it."""
        layout.write(self._pictures[-1], self._metadata, room)
        self.drop()
        return {}

    def finish(
        self,
        original: Region,
        *regions: Region,
        layout: Message,
        channels: int,
        strength: Sequence[float],
        working_range: str,
        transfer: Transfer,
        made: str,
        **encoding: Any,
    ) -> Message:
        """Encodes a picture in shared memory with the network's result, which lies there, too, in
        place of its pixels; says besides how much noise that took out. Of two regions the first is
        that result; where it is missing, there was nothing to denoise.
        """
        picture = view(original, Layout.parse(layout))
        seen = view_of(picture, read_choice(working_range), transfer)
        restored, shape = seen.pixels, (*picture.pixels.shape[:2], channels)
        if len(regions) > 1:
            restored = regions[0].array(shape, picture.dtype)
        self._pictures.append(told(corrected(picture, seen, restored, Strength(*strength)), made))
        sigma = noise_found(seen, restored)
        return self.encode(regions[-1], **encoding) | {"sigma": sigma}

    def add_noise(self, *, factor: float, kind: str, channels: str, seed: int) -> Message:
        """Adds noise to the picture."""
        noisy = add_noise(
            self._pictures[-1].pixels,
            factor,
            kind=NoiseKind(kind),
            channels=ChannelMode(channels),
            seed=seed,
        )
        made = f"Noise added: {kind}, factor {factor:g}."
        self._pictures[-1] = told(replace(self._pictures[-1], pixels=noisy), made)
        return {}

    def encode(
        self,
        room: Region,
        *,
        format: str,  # noqa: A002
        quality: int | None,
        strip: bool,
    ) -> Message:
        """Encodes the picture into shared memory; says how long the file is, which is to be fetched
        if it is longer than that, and what it does not hold.
        """
        picture = stripped(self._pictures[-1]) if strip else self._pictures[-1]
        encoded = encode(picture, Format(format), quality)
        size, self._encoded = len(encoded.data), encoded
        if size <= room.size:
            room.size = size
            self.fetch(room)
        return {"size": size, "changes": sorted(encoded.changes), "notes": encoded.notes}

    def fetch(self, room: Region) -> Message:
        """Copies the file into shared memory."""
        if self._encoded is None:
            raise LookupError("nothing has been encoded")
        room.view[:] = self._encoded.data
        self.drop()
        return {}

    def compare(self) -> Message:
        """How far the second picture is from the first."""
        a, b = _comparable(*self._pictures)
        self.drop()
        return {"rmse": rmse(a, b), "psnr": psnr(a, b), "ssim": ssim(a, b)}


def _comparable(reference: Picture, image: Picture) -> tuple[Pixels, Pixels]:
    """Both with as many channels, and turned so that rows are the short side.

    The measures go by bands of rows: those of a picture of 65,500 columns would be large.
    """
    channels = max(reference.channels, image.channels)
    a, b = (
        np.broadcast_to(picture.pixels, (*picture.pixels.shape[:2], channels))
        for picture in (reference, image)
    )
    if not (is_plain(a) and is_plain(b)):  # on the scale of the range that the reference fills
        a, b = (np.where(np.isfinite(each), each, 0) for each in (a, b))
        bounds = robust(a)
        a, b = bounds.to_unit(a), bounds.to_unit(b)
    return (a, b) if a.shape[1] <= a.shape[0] else (a.swapaxes(0, 1), b.swapaxes(0, 1))
