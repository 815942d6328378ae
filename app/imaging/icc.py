"""Colour profiles: whether they are sound, and those of inks written anew with their tables alone.

Little CMS would go through whatever programs a profile has in its other tags, at every point of a
grid of four dimensions. The structure is that of ICC.1, section 7.
"""

import struct
from functools import cache

import imagecodecs

MAX_TABLES = 2**24  # bytes; those of presses have two megabytes

_HEADER = 128
_TABLES = (b"A2B0", b"A2B1", b"A2B2")  # from device to connection space, by intent
_KINDS = (b"mft1", b"mft2", b"mAB ")  # grids between curves: as many steps as the kind has
_CONNECTION_SPACES = (b"Lab ", b"XYZ ")
_MAX_TAGS = 100


def is_sound(profile: bytes) -> bool:
    """Whether a profile is all there: its header, its table of tags, and what that points to."""
    if len(profile) < _HEADER + 4 or profile[36:40] != b"acsp":
        return False
    (size,), (count,) = (struct.unpack_from(">I", profile, place) for place in (0, _HEADER))
    end = _HEADER + 4 + 12 * count
    if size > len(profile) or count > _MAX_TAGS or end > size:
        return False
    tags = struct.iter_unpack(">4sII", profile[_HEADER + 4 : end])
    return all(start + length <= size for _, start, length in tags)


@cache
def adobe_rgb() -> bytes:
    """A profile of Adobe RGB (1998), as Little CMS makes it of its primaries, white and gamma."""
    return bytes(imagecodecs.cms_profile("adobergb"))


def is_cmyk(profile: bytes) -> bool:
    """Whether an ICC profile is one of inks."""
    return profile[16:20] == b"CMYK"


def ink_profile(profile: bytes) -> bytes | None:
    """A CMYK profile's header and tables; None where it has none that can be used."""
    header = profile[:_HEADER]
    is_usable = header[36:40] == b"acsp" and header[20:24] in _CONNECTION_SPACES
    if not is_cmyk(profile) or not is_usable or len(profile) < _HEADER + 4:
        return None
    (count,) = struct.unpack_from(">I", profile, _HEADER)
    tables: dict[bytes, bytes] = {}
    for place in range(_HEADER + 4, _HEADER + 4 + 12 * min(count, _MAX_TAGS), 12):
        name, start, size = struct.unpack(">4sII", profile[place : place + 12].ljust(12, b"\0"))
        table = profile[start : start + size]
        if name in _TABLES and table[:4] in _KINDS and len(table) == size:
            tables.setdefault(name, table)
    if not tables or sum(map(len, tables.values())) > MAX_TABLES:
        return None
    return _write(header, tables)


def _write(header: bytes, tables: dict[bytes, bytes]) -> bytes:
    records, body = struct.pack(">I", len(tables)), b""
    start = _HEADER + len(records) + 12 * len(tables)
    for name, table in tables.items():
        records += struct.pack(">4sII", name, start + len(body), len(table))
        body += table.ljust(-(-len(table) // 4) * 4, b"\0")
    size = struct.pack(">I", start + len(body))
    return size + header[4:] + records + body
