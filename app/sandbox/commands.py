"""The commands of a worker, on files and images that it keeps from one to the next."""

import io
from typing import Any

from app.imaging.changes import stripped
from app.imaging.codec import Encoded, decode, encode, read_header
from app.imaging.formats.dicom_zip import joined, split
from app.imaging.metrics import comparable, psnr, rmse, ssim
from app.imaging.noise import ChannelMode, NoiseKind, noisy_picture
from app.imaging.picture import Format, Header, Picture, described
from app.imaging.range import read_choice
from app.imaging.removed import shown
from app.imaging.view import corrected, noise_found, view_of
from app.sandbox import layout
from app.sandbox.budget import is_small
from app.sandbox.layout import Layout, view
from app.sandbox.rendering import Rendering
from app.sandbox.shared import Area
from app.sandbox.wire import Message


class Commands:
    """The files and images of one job, and the commands on them."""

    def __init__(self, scratch: Area) -> None:
        self.scratch = scratch
        self.drop()

    def drop(self) -> None:
        """Drop everything; commands that end a job call this themselves."""
        self._files: list[tuple[bytes, Header]] = []
        self._pictures: list[Picture] = []
        self._metadata = b""
        self._encoded: Encoded | None = None
        self._parts: list[bytes] = []

    def read(self, file: Area) -> Message:
        """Take a file; return its header."""
        return {"header": layout.to_message(self._taken(file))}

    def _taken(self, file: Area) -> Header:
        data = file.read()
        header = read_header(data)
        self._files.append((data, header))
        return header

    def open(self, *files: Area, max_pixels: int, max_side: int, lend: bool) -> Message:
        """Take files and return their headers; if all are small, also decode them."""
        headers = list(map(self._taken, files))
        answer: Message = {"headers": list(map(layout.to_message, headers)), "layouts": []}
        if all(map(is_small, headers)):
            answer["layouts"] = [
                self.decode(max_pixels=max_pixels, max_side=max_side, lend=lend)["layout"]
                for _ in files
            ]
        return answer

    def decode(self, *, max_pixels: int, max_side: int, lend: bool) -> Message:
        """Decode the first of the remaining files; return its layout.

        With `lend`, it is decoded into the scratch memory, if that is large enough.
        """
        data, header = self._files.pop(0)
        picture = decode(data, max_pixels=max_pixels, max_side=max_side, header=header)
        self._metadata = layout.pack(picture.metadata)
        found = Layout.of(picture, self._metadata)
        self._pictures.append(picture)
        if lend and found.nbytes <= self.scratch.size:
            self.lend(self.scratch)
        return {"layout": layout.to_message(found)}

    def lend(self, room: Area) -> Message:
        """Copy the image into shared memory, and drop it."""
        layout.write(self._pictures[-1], self._metadata, room)
        self.drop()
        return {}

    def finish(
        self,
        original: Area,
        *restored: Area,
        layout: Message,
        rendering: Message,
        **encoding: Any,
    ) -> Message:
        """Encode an image in shared memory, with the network's result, which is there, too,
        applied.

        Also returns how much noise was removed. Without a result, there was nothing to denoise.
        """
        picture, how = view(original, Layout.parse(layout)), Rendering.parse(rendering)
        seen = view_of(picture, read_choice(how.working_range), how.transfer)
        result, shape = seen.pixels, (*picture.pixels.shape[:2], how.channels)
        for area in restored:
            result = area.array(shape, picture.dtype)
        found = described(corrected(picture, seen, result, how.strength), how.made)
        self._pictures.append(shown(picture, found, how.wanted))
        sigma = noise_found(seen, result)
        return self.encode(**encoding) | {"sigma": sigma}

    def add_noise(self, *, factor: float, kind: str, channels: str, seed: int) -> Message:
        """Add noise to the image."""
        self._pictures[-1] = noisy_picture(
            self._pictures[-1],
            factor,
            kind=NoiseKind(kind),
            channels=ChannelMode(channels),
            seed=seed,
        )
        return {}

    def encode(
        self,
        *,
        format: str,  # noqa: A002
        quality: int | None,
        strip: bool,
    ) -> Message:
        """Encode the image into scratch memory; return the size of the file, and what it lacks.

        A file longer than the scratch memory has to be fetched.
        """
        picture = stripped(self._pictures[-1]) if strip else self._pictures[-1]
        return self._kept(encode(picture, Format(format), quality))

    def encode_given(self, picture: Area, *, layout: Message, **encoding: Any) -> Message:
        """Encode an image in shared memory, as `encode` does."""
        self._pictures.append(view(picture, Layout.parse(layout)))
        return self.encode(**encoding)

    def _kept(self, encoded: Encoded) -> Message:
        size, self._encoded = len(encoded.data), encoded
        if size <= self.scratch.size:
            self.fetch(self.scratch)
        return {"size": size, "changes": sorted(encoded.changes), "notes": encoded.notes}

    def fetch(self, room: Area) -> Message:
        """Copy the file into shared memory."""
        if self._encoded is None:
            raise LookupError("nothing has been encoded")
        data = self._encoded.data
        room.view[: len(data)] = data
        self.drop()
        return {}

    def split(self, file: Area) -> Message:
        """Split a zip into its volumes; return the header and the size of each."""
        parts = split(file.read())
        self._parts = [data for _, data in parts]
        headers = [layout.to_message(header) for header, _ in parts]
        return {"headers": headers, "sizes": list(map(len, self._parts))}

    def hand_over(self, room: Area) -> Message:
        """Copy the first of the remaining volumes into shared memory."""
        data = self._parts.pop(0)
        room.view[: len(data)] = data
        return {}

    def join(self, files: Area, *, parts: list[int]) -> Message:
        """Join several zips of these sizes, which lie one after the other, into one."""
        rest = io.BytesIO(files.view)
        data = joined([rest.read(size) for size in parts])
        return self._kept(Encoded(data, Format.DICOM_ZIP, frozenset()))

    def compare(self) -> Message:
        """Return the difference of the second image from the first."""
        a, b = comparable(*(picture.pixels for picture in self._pictures))
        self.drop()
        return {"rmse": rmse(a, b), "psnr": psnr(a, b), "ssim": ssim(a, b)}
