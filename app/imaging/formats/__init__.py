"""The registry of file formats: each module here that ends in a `FORMAT` is one.

Other modules ask here for everything about formats: suffixes, media types, names, and the format of
a file.
"""

import pkgutil
from importlib import import_module
from pathlib import PurePath

from app.imaging.formats.foreign import foreign_to
from app.imaging.formats.format import FileFormat
from app.imaging.picture import UnreadableImage, UnsupportedImage

FORMATS: dict[str, FileFormat] = {}
"""Formats by their names."""


def register(format_: FileFormat) -> None:
    """Add a format to those that are read and, if it has an encoder, written."""
    FORMATS[format_.name] = format_


for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    if _format := getattr(import_module(_module.name), "FORMAT", None):
        register(_format)


def suffixes() -> frozenset[str]:
    """Return the suffixes of files that are read, in lower case and with a dot."""
    return frozenset(suffix for each in FORMATS.values() for suffix in each.suffixes)


def parted(name: str) -> tuple[str, str]:
    """Split the name of a file into stem and suffix, which may have two parts, as in .nii.gz.

    >>> parted("brain.1.NII.GZ")
    ('brain.1', '.NII.GZ')
    """
    known = (each for each in suffixes() if name.lower().endswith(each) and name.lower() != each)
    suffix = max(known, key=len, default=PurePath(name).suffix)
    end = len(name) - len(suffix)
    return name[:end], name[end:]


def is_called_one(name: str) -> bool:
    """Return whether a file in a folder is taken for an image by its suffix."""
    suffix = parted(name)[1].lower()
    return any(suffix in each.suffixes and not each.is_archive for each in FORMATS.values())


def media_types() -> tuple[str, ...]:
    """Return the media types of files that are read."""
    return tuple(kind for each in FORMATS.values() for kind in each.media_types)


def written() -> tuple[FileFormat, ...]:
    """Return the formats that are written."""
    return tuple(each for each in FORMATS.values() if each.encode)


def of_all_pictures() -> tuple[FileFormat, ...]:
    """Return the formats in which any image can be written."""
    return tuple(each for each in written() if each.holds.others)


def of_file(data: bytes) -> FileFormat:
    """Return the format of a file.

    Raises `UnsupportedImage` if it is not read, and names its format if that is known.
    """
    if not data:
        raise UnreadableImage("The image is empty: it has no bytes at all.")
    found = next((each for each in FORMATS.values() if each.recognises(data)), None)
    if found is None:
        raise UnsupportedImage(foreign_to(data) or not_read())
    return found


def need_threads(*files: bytes) -> bool:
    """Return whether the decoder of any of the files starts threads."""
    eager = [each for each in FORMATS.values() if each.needs_threads]
    return any(each.recognises(data) for each in eager for data in files)


def of_name(name: str) -> FileFormat:
    """Return the format to write for a name, suffix or media type: `JPG`, `.tif`, `image/webp`.

    Raises `UnsupportedImage` if there is none.
    """
    bare = name.strip().lower()
    for each in written():
        if bare in (each.name, *each.media_types) or f".{bare.removeprefix('.')}" in each.suffixes:
            return each
    known = ", ".join(each.name for each in written())
    raise UnsupportedImage(f"{name!r} is not a format that can be written; these are: {known}.")


def not_read() -> str:
    """Return the error for a file of unknown format, which names the formats that are read."""
    *names, last = FORMATS
    return f"Not an image that is read here: {', '.join(names)} or {last}."
