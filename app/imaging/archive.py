"""Zip archives, whose files are unpacked one by one and within bounds.

Nothing is ever written to disk, and names are carried over unchanged. Names that lead out of a
folder are refused all the same, since the client will unpack the result.
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
"""The most files in an archive: each takes a millisecond to inspect, however small it is."""
MAX_BYTES = 1 << 30
"""The most bytes that all files together may unpack to."""
FREE_BYTES, TIMES = 1 << 27, 100
"""Bytes that the files of any archive may unpack to, and further ones for each byte of it: a file
that deflate makes a hundred times smaller is hardly a scan, but takes as long to inspect.
"""
MAX_FILE_BYTES = 1 << 26
"""The most bytes that one file may unpack to, in addition to the size of the archive."""
LEVEL = 1  # level 6 takes many times as long, and makes noisy samples only a tenth smaller

_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1 | 0x40
_LEADS_OUT = re.compile(r"(?s)/|[a-z]:|(.*[/\\])?\.\.([/\\]|$)|\\", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Archive:
    """An archive in memory."""

    def __init__(self, data: bytes) -> None:
        """Read the directory; raise UnreadableImage, UnsupportedImage or TooManyPixels.

        Its entries are counted before they are read, since each becomes an object.
        """
        if data.count(_ENTRY) > MAX_FILES:
            raise TooManyPixels(f"The zip has too many files; at most {MAX_FILES} are taken.")
        with _damage():
            self._zip = ZipFile(io.BytesIO(data))
        self.files = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._check(len(data))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the files, in the order of the archive."""
        return (entry.filename for entry in self.files)

    def begins(self, name: str, size: int) -> bytes:
        """Return the first `size` bytes of a file."""
        with _damage(), self._zip.open(name) as file:
            return file.read(size)

    def read(self, name: str) -> bytes:
        """Unpack a file, no further than it declares; raise UnreadableImage."""
        with _damage(), self._zip.open(name) as file:
            return file.read(self._zip.getinfo(name).file_size + 1)

    def size(self, name: str) -> int:
        """Return the size in bytes that a file declares."""
        return self._zip.getinfo(name).file_size

    def time(self, name: str) -> tuple[int, ...]:
        """Return the modification time of a file: year, month, day, hour, minute and second."""
        return self._zip.getinfo(name).date_time

    def _check(self, size: int) -> None:
        """Refuse encrypted and unsupported entries, unsafe or repeated names, and large files.

        `size` is that of the archive in bytes.
        """
        for entry in self.files:
            if entry.flag_bits & _ENCRYPTED:
                raise UnsupportedImage("The zip is encrypted; send it without a password.")
            if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise UnsupportedImage("The zip is not packed by deflate; pack it anew.")
            if _LEADS_OUT.match(entry.orig_filename) or _CONTROL.search(entry.orig_filename):
                raise UnreadableImage("The zip has a file whose name leads out of its folder.")
        if len(set(self)) < len(self.files):
            raise UnreadableImage("The zip has two files of one name.")
        sizes, most = [entry.file_size for entry in self.files], MAX_FILE_BYTES + size
        if max(sizes, default=0) > most or sum(sizes) > min(MAX_BYTES, FREE_BYTES + TIMES * size):
            raise TooManyPixels(
                f"The zip unpacks to more than the {MAX_BYTES} bytes that are taken, or to far "
                "more than its own size; send its series one by one."
            )


class Packer:
    """An archive that is being written."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._zip = ZipFile(self._file, "w")

    def add(self, name: str, data: bytes, time: tuple[int, ...]) -> None:
        """Pack a file, with its modification time."""
        entry = ZipInfo(name, (*time,))  # type: ignore[arg-type]
        self._zip.writestr(entry, data, ZIP_DEFLATED, LEVEL)

    def packed(self) -> bytes:
        """Complete the archive and return it."""
        self._zip.close()
        return self._file.getvalue()


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError) as bad:
        raise UnreadableImage("The zip is truncated or damaged.") from bad
