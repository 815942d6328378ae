"""Colour profiles: whether they are sound, and those of inks written anew with their tables alone.

Little CMS would go through whatever programs a profile has in its other tags, at every point of a
grid of four dimensions. The structure is that of ICC.1, section 7.
"""

import struct
from functools import cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

MAX_TABLES = 2**24  # bytes; those of presses have two megabytes

_HEADER = 128
_TABLES = (b"A2B0", b"A2B1", b"A2B2")  # from device to connection space, by intent
_KINDS = (b"mft1", b"mft2", b"mAB ")  # grids between curves: as many steps as the kind has
_CONNECTION_SPACES = (b"Lab ", b"XYZ ")
_MAX_TAGS = 100
_CURVES = ((b"rTRC", b"gTRC", b"bTRC"), (b"kTRC",))  # from device to light
_PROBES = np.linspace(0.05, 0.95, 19)
_STRAIGHT = 0.01  # how far a curve may be from its diagonal
_PARAMETERS = (1, 3, 4, 5, 7)  # that a parametric curve of each type has


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


def is_linear(profile: bytes) -> bool:
    """Whether samples are in proportion to light: whether a sound profile's curves are straight."""
    tags = _tags(profile)
    names = next((names for names in _CURVES if all(name in tags for name in names)), ())
    found = [_curve(tags[name]) for name in names]
    return bool(found) and all(
        curve is not None and bool(np.abs(curve - _PROBES).max() < _STRAIGHT) for curve in found
    )


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


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """What the tags of a sound profile hold, by their names."""
    (count,) = struct.unpack_from(">I", profile, _HEADER)
    table = profile[_HEADER + 4 : _HEADER + 4 + 12 * count]
    return {
        name: profile[start : start + size]
        for name, start, size in struct.iter_unpack(">4sII", table)
    }


def _curve(tag: bytes) -> NDArray[np.float64] | None:
    """The values of a curve at _PROBES (ICC.1, sections 10.6 and 10.18); None where it is none."""
    if tag[:4] == b"curv" and len(tag) >= 12:
        (count,) = struct.unpack_from(">I", tag, 8)
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2")
        if len(values) != count:
            return None
        if count == 0:
            return _PROBES
        if count == 1:
            return np.asarray(_PROBES ** (float(values[0]) / 256))
        return np.interp(_PROBES, np.linspace(0, 1, count), values / 65_535)
    if tag[:4] == b"para" and len(tag) >= 12:
        (kind,) = struct.unpack_from(">H", tag, 8)
        numbers = np.frombuffer(tag[12:][: (len(tag) - 12) // 4 * 4], ">i4") / 65_536
        if kind < len(_PARAMETERS) and len(numbers) >= _PARAMETERS[kind]:
            return _parametric(kind, *numbers[: _PARAMETERS[kind]].tolist())
    return None


def _parametric(
    kind: int,
    g: float,
    a: float = 1.0,
    b: float = 0.0,
    c: float = 0.0,
    d: float = 0.0,
    e: float = 0.0,
    f: float = 0.0,
) -> NDArray[np.float64]:
    """A curve of table 68 of ICC.1: a power from some value on, and a line below it."""
    if kind in (1, 2):  # c is what the curve is raised by, everywhere
        d, e, f, c = (-b / a if a else 1.0), c, c, 0.0
    power = np.maximum(a * _PROBES + b, 0) ** g + e
    return np.where(d <= _PROBES, power, c * _PROBES + f)


def _write(header: bytes, tables: dict[bytes, bytes]) -> bytes:
    records, body = struct.pack(">I", len(tables)), b""
    start = _HEADER + len(records) + 12 * len(tables)
    for name, table in tables.items():
        records += struct.pack(">4sII", name, start + len(body), len(table))
        body += table.ljust(-(-len(table) // 4) * 4, b"\0")
    size = struct.pack(">I", start + len(body))
    return size + header[4:] + records + body
