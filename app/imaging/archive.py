"""Zip archives: the files in them, each unpacked by itself and within bounds.

What is unpacked is never written to a disk, and names are carried over as they are: those that
would lead out of a folder are refused all the same, as whoever gets the result will unpack it.
"""

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from app.imaging.picture import TooManyPixels, UnreadableImage, UnsupportedImage

SIGNATURE = b"PK\x03\x04"

MAX_FILES = 1 << 12
"""Files in an archive: each takes a millisecond to look at, however small it is."""
MAX_BYTES = 1 << 30
"""Bytes that all files together may unpack to."""
MAX_FILE_BYTES = 1 << 26
"""Bytes that one file may unpack to, beyond those of the archive."""
LEVEL = 1  # level 6 takes many times as long to save a tenth of noisy samples

_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1 | 0x40
_LEADS_OUT = re.compile(r"(?s)/|[a-z]:|(.*[/\\])?\.\.([/\\]|$)|\\", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Archive:
    """An archive in memory."""

    def __init__(self, data: bytes) -> None:
        """Read the directory; raises UnreadableImage, UnsupportedImage and TooManyPixels.

        That is checked before it is read, as every entry of it becomes an object.
        """
        if data.count(_ENTRY) > MAX_FILES:
            raise TooManyPixels(f"The zip has too many files; at most {MAX_FILES} are taken.")
        with _damage():
            self._zip = ZipFile(io.BytesIO(data))
        self.files = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._check(MAX_FILE_BYTES + len(data))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the files, in the order of the archive."""
        return (entry.filename for entry in self.files)

    def begins(self, name: str, size: int) -> bytes:
        """Return the first bytes of a file."""
        with _damage(), self._zip.open(name) as file:
            return file.read(size)

    def read(self, name: str) -> bytes:
        """Unpack a file: what it declares, and no more; raises UnreadableImage."""
        with _damage(), self._zip.open(name) as file:
            return file.read(self._zip.getinfo(name).file_size + 1)

    def size(self, name: str) -> int:
        """Return the bytes that a file declares."""
        return self._zip.getinfo(name).file_size

    def time(self, name: str) -> tuple[int, ...]:
        """Return when a file was made: year, month, day, hour, minute and second."""
        return self._zip.getinfo(name).date_time

    def _check(self, most: int) -> None:
        """Refuse what is not unpacked, and names that are no files below a folder."""
        for entry in self.files:
            if entry.flag_bits & _ENCRYPTED:
                raise UnsupportedImage("The zip is encrypted; send it without a password.")
            if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise UnsupportedImage("The zip is not packed by deflate; pack it anew.")
            if _LEADS_OUT.match(entry.orig_filename) or _CONTROL.search(entry.orig_filename):
                raise UnreadableImage("The zip has a file whose name leads out of its folder.")
        if len(set(self)) < len(self.files):
            raise UnreadableImage("The zip has two files of one name.")
        sizes = [entry.file_size for entry in self.files]
        if max(sizes, default=0) > most or sum(sizes) > MAX_BYTES:
            raise TooManyPixels(
                f"The zip unpacks to more than the {MAX_BYTES} bytes that are taken, or to far "
                "more than it has."
            )


class Packer:
    """An archive in the making."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._zip = ZipFile(self._file, "w")

    def add(self, name: str, data: bytes, time: tuple[int, ...]) -> None:
        """Pack a file, with the time when it was made."""
        entry = ZipInfo(name, (*time,))  # type: ignore[arg-type]
        self._zip.writestr(entry, data, ZIP_DEFLATED, LEVEL)

    def packed(self) -> bytes:
        """Return the archive, which is complete."""
        self._zip.close()
        return self._file.getvalue()


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError) as bad:
        raise UnreadableImage("The zip is truncated or damaged.") from bad
