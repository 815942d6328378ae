"""Zips of DICOM files: decode each volume as one image, and pack the results again.

The name, the time and everything except the pixels of each file are kept. Files that are not scans
are left out, and listed in the text file LEFT_OUT of the result.
"""

import json
from dataclasses import dataclass, replace

from app.imaging.archive import Archive, Packer
from app.imaging.formats.dicom import SIGNED, file, is_dicom
from app.imaging.formats.dicom.series import Slice, Volume, assembled, parted, survey, volumes
from app.imaging.formats.dicom_zip import MAX_VOLUMES
from app.imaging.picture import (
    Change,
    Format,
    Header,
    ImagingError,
    Picture,
    TooManyPixels,
    UnsuitableFormat,
    UnsupportedImage,
)

LEFT_OUT = "left-out.txt"
"""The text file in a result that lists what was left out; that of an earlier result is kept."""
LONGEST_TEXT = 1 << 20

_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Content:
    """The contents of a zip."""

    archive: Archive
    volumes: list[Volume]
    left_out: list[str]
    """Lines of a name and the reason."""

    @property
    def only(self) -> Volume:
        """Return the only volume; raises UnsupportedImage if there are several."""
        if len(self.volumes) > 1:
            raise UnsupportedImage(
                f"The zip holds {len(self.volumes)} volumes, as series or sizes differ; send them "
                "one at a time."
            )
        return self.volumes[0]


def read(data: bytes) -> Content:
    """Read every file of a zip; raises ImagingError if none of them can be decoded."""
    archive, slices, left_out, reason = Archive(data), list[Slice](), list[str](), ""
    for name in archive:
        if name == LEFT_OUT and archive.size(name) <= LONGEST_TEXT:
            left_out += archive.read(name).decode(errors="replace").splitlines()
            continue
        try:
            if is_dicom(archive.begins(name, SIGNED)):
                slices.append(survey(name, archive.read(name)))
                continue
            why = "Not a DICOM."
        except MemoryError:
            raise
        except ImagingError as error:
            why = reason = str(error)
        except Exception:  # pydicom raises errors of many types
            why = reason = "The DICOM image is truncated or damaged."
        left_out.append(f"{name}: {why}")
    if not slices:
        reason = reason or "Send images of other formats one by one, not in a zip."
        raise UnsupportedImage(f"The zip holds no DICOM image that can be read. {reason}")
    return Content(archive, volumes(slices), left_out)


def header_of(content: Content, volume: Volume) -> Header:
    """Return the header that the files of a volume declare."""
    kind, stack = volume.kind, volume.stack
    # the samples and an alpha, in a worker and where it hands them over; what one file is decoded
    # from and to; and the data sets, thrice
    largest = max(content.archive.size(each.name) for each in volume.slices)
    frame = 16 * kind.channels * kind.rows * kind.columns * kind.frames
    return Header(
        Format.DICOM_ZIP,
        kind.columns,
        kind.rows,
        stack,
        pixel_bytes=2 * (kind.channels + 1) * kind.dtype.itemsize,
        more_bytes=4 * largest + frame + 3 * sum(each.before for each in volume.slices),
        segments=stack.frames,
        modality=volume.modality,
    )


def read_header(data: bytes) -> Header:
    """Read the declared properties of the only volume."""
    content = read(data)
    return header_of(content, content.only)


def decode(data: bytes) -> Picture:
    """Decode the only volume, slice by slice."""
    content = read(data)
    volume, archive = content.only, content.archive
    names = [each.name for each in volume.slices]
    files = (file.decode(archive.read(name)) for name in names)
    picture = assembled(volume, files, Format.DICOM_ZIP)
    times = [archive.time(name) for name in names]
    kept = json.dumps({"names": names, "times": times, "left_out": content.left_out}).encode()
    changes = picture.changes | ({Change.FILES} if content.left_out else set())
    metadata = replace(picture.metadata, native=(kept, *picture.metadata.native))
    return replace(picture, metadata=metadata, changes=changes)


def encode(picture: Picture) -> bytes:
    """Encode a picture read from a zip of DICOM files as a zip of images derived from them.

    Raises `UnsuitableFormat` for all other pictures.
    """
    native = picture.metadata.native
    if picture.format is not Format.DICOM_ZIP or len(native) < 3:
        raise UnsuitableFormat(
            "Only what came as a zip of DICOM files, and with its metadata, can be written as one; "
            "ask for tiff."
        )
    kept, packer = json.loads(native[0]), Packer()
    names = kept["names"]
    metadata = replace(picture.metadata, native=native[1:])
    volume = replace(picture, format=Format.DICOM, metadata=metadata)
    for name, time, each in zip(names, kept["times"], parted(volume, len(names)), strict=True):
        packer.add(name, file.encode(each), time)
    _add_left_out(packer, kept["left_out"])
    return packer.packed()


def split(data: bytes) -> list[tuple[Header, bytes]]:
    """Return each volume of a zip as a separate zip; nothing if there is only one."""
    content = read(data)
    if len(content.volumes) > MAX_VOLUMES:
        raise TooManyPixels(
            f"The zip holds {len(content.volumes)} volumes; at most {MAX_VOLUMES} are taken."
        )
    if len(content.volumes) == 1:
        return []
    parts = list[tuple[Header, bytes]]()
    for volume in content.volumes:
        packer = Packer()
        for each in volume.slices:
            name = each.name
            packer.add(name, content.archive.read(name), content.archive.time(name))
        if not parts:  # in the first result only
            _add_left_out(packer, content.left_out)
        parts.append((header_of(content, volume), packer.packed()))
    return parts


def joined(parts: list[bytes]) -> bytes:
    """Merge several zips into one."""
    packer = Packer()
    for archive in map(Archive, parts):
        for name in archive:
            packer.add(name, archive.read(name), archive.time(name))
    return packer.packed()


def _add_left_out(packer: Packer, lines: list[str]) -> None:
    if lines:
        packer.add(LEFT_OUT, "".join(f"{line}\n" for line in lines).encode(), _NO_TIME)
