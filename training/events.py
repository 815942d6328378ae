"""Write event files for TensorBoard without its twenty packages.

An event file is a series of records: a little-endian length and its checksum, the data and its
checksum. The data is a protocol buffer: Event {wall_time = 1, step = 2, file_version = 3, summary =
5}, Summary {value = 1}, Value {tag = 1, simple_value = 2}.
"""

import struct
import time
from collections.abc import Mapping
from pathlib import Path


class EventFile:
    """A file of scalars by step, in a folder for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        now = time.time()
        self.path = folder / f"events.out.tfevents.{now:.0f}.training"
        self._append(_double(1, now) + _bytes(3, b"brain.Event:2"))

    def append(self, step: int, wall_time: float, values: Mapping[str, float]) -> None:
        """Add the values of a step; `wall_time` is in seconds since 1970."""
        summary = b"".join(
            _bytes(1, _bytes(1, tag.encode()) + _float(2, value)) for tag, value in values.items()
        )
        self._append(_double(1, wall_time) + _integer(2, step) + _bytes(5, summary))

    def _append(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        with self.path.open("ab") as file:
            file.write(length + _checksum(length) + event + _checksum(event))


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low = bytearray()
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])


def _checksum(data: bytes) -> bytes:
    """Return the masked CRC-32C that record files use."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_crc_entry(byte) for byte in range(256)]
