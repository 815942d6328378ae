"""Makes files of every mode, by libraries other than the code under test, or byte by byte."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import nibabel
import numpy as np
import pillow_heif
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

from app.imaging import ifd
from app.imaging.formats.heif.boxes import Box, boxes, write_box
from app.imaging.formats.heif.items import Item, read_items
from app.imaging.formats.heif.writer import write_items
from app.imaging.tags import Tag

WIDTH, HEIGHT = 13, 9

Samples = NDArray[Any]

_SHAPE = (HEIGHT, WIDTH)
DEEP: Samples = np.random.default_rng(7).integers(0, 65_536, (*_SHAPE, 4), np.uint16)
"""Four channels of noise, of 16 bits."""
NOISE: Samples = (DEEP >> 8).astype(np.uint8)
"""The same of 8 bits."""
_VOLUME: Samples = np.stack([DEEP[..., n] for n in range(4)])
VOLUMES: dict[str, Samples] = {
    "8-bit": _VOLUME.astype("u1"),
    "8-bit signed": _VOLUME.view("i1")[..., :13],
    "16-bit": _VOLUME,
    "16-bit signed": _VOLUME.view("i2"),
    "32-bit": _VOLUME.astype("u4") * 65_537,
    "32-bit signed": (_VOLUME.astype("u4") * 65_537).view("i4"),
    "32-bit floating-point": (_VOLUME.astype("f4") - 30_000) * 3,
    "64-bit floating-point": _VOLUME / 3,
}
"""Four slices of noise in all types of samples, by their names in the table."""
_ROWS, _COLUMNS = np.indices(_SHAPE)
SMOOTH: Samples = np.stack(
    [90 + 5 * _ROWS + 3 * _COLUMNS, 80 + 4 * _ROWS + 4 * _COLUMNS, 70 + 4 * _ROWS + 3 * _COLUMNS],
    axis=-1,
).astype(np.uint8)
"""Smooth colours, that a lossy format holds closely."""


FILM = b"\0\0\0\x18ftypmp42" + bytes(1000)
"""The beginning of a film, as motion photos have it."""


def gain_map(photo: bytes) -> bytes:
    """A JPEG that says that it is a gain map."""
    said = b"http://ns.adobe.com/xap/1.0/\0<x xmlns:h='http://ns.adobe.com/hdr-gain-map/1.0/'/>"
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", len(said) + 2) + said + photo[2:]


def avif(samples: Samples, bits: int = 8, **options: Any) -> bytes:
    """Saved by libavif, with all colour resolution."""
    layout = None if samples.ndim == 2 else imagecodecs.AVIF.PIXEL_FORMAT.YUV444
    return bytes(
        imagecodecs.avif_encode(
            samples, 95, bitspersample=bits, pixelformat=layout, speed=9, **options
        )
    )


def heic(samples: Samples, bits: int, **options: Any) -> bytes:
    """Saved by libheif and x265: samples of 8 bits, of more if so asked, with all colour
    resolution.
    """
    deep = bits > 8
    stored = samples.astype(np.uint16) * 257 if deep else samples
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    mode = {1: "I;16" if deep else "L", 3: "RGB", 4: "RGBA"}[channels]
    mode += ";16" if deep and channels > 1 else ""
    image = pillow_heif.from_bytes(mode, samples.shape[1::-1], stored.tobytes())
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    file = io.BytesIO()
    image.save(file, **{"quality": 95, "chroma": 444} | options)
    return file.getvalue()


def heic_beside(data: bytes, kind: bytes) -> bytes:
    """The picture of a HEIC file, and once more as an auxiliary one of some kind."""
    main = read_items(data)[1]
    properties = [*main.properties, Box(b"auxC", bytes(4) + kind + b"\0")]
    return write_items(
        b"heic",
        [main, Item(main.kind, data=main.data, properties=properties, references={b"auxl": [1]})],
    )


def jxl(samples: Samples, **options: Any) -> bytes:
    """Saved by libjxl."""
    return bytes(imagecodecs.jpegxl_encode(samples, effort=1, numthreads=1, **options))


def pnm(samples: Samples, white: int, *lines: str, kind: int = 5) -> bytes:
    """A PNM of bytes, with more lines, such as comments, in front of the number of white."""
    height, width = samples.shape[:2]
    head = "\n".join((f"P{kind}", f"{width} {height}", *lines, f"{white}", ""))
    return head.encode() + samples.astype(">u2" if white > 255 else "u1").tobytes()


def pam(samples: Samples, white: int, kind: str) -> bytes:
    """A PAM, which has any number of channels."""
    height, width, depth = samples.shape
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {white}\n"
    head += f"TUPLTYPE {kind}\nENDHDR\n"
    return head.encode() + samples.astype(">u2" if white > 255 else "u1").tobytes()


def plain_pnm(samples: Samples, white: int, kind: int) -> bytes:
    """A PNM in text."""
    height, width = samples.shape[:2]
    numbers = " ".join(map(str, samples.ravel()))
    most = "" if kind == 1 else f"{white}\n"
    return f"P{kind}\n# plain\n{width} {height}\n{most}{numbers}\n".encode()


def jp2(samples: Samples, *, bits: int | None = None, **options: Any) -> bytes:
    """Saved by OpenJPEG, without loss unless asked otherwise, in the bits of the type or fewer."""
    options = {"reversible": True, "mct": samples.ndim == 3} | options
    return bytes(imagecodecs.jpeg2k_encode(samples, bitspersample=bits, **options))


def paletted_jp2(indices: Samples, palette: Samples, bits: int = 8) -> bytes:
    """Indices saved by OpenJPEG, and boxes with the colours [number, 3] that they stand for."""
    entries = struct.pack(">HB3B", len(palette), 3, 7, 7, 7) + palette.astype(np.uint8).tobytes()
    mapping = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
    more = write_box(b"pclr", entries) + write_box(b"cmap", mapping)
    parts = []
    for box in boxes(jp2(indices, bits=bits)):
        body = box.body
        if box.name == b"jp2h":
            body = (
                b"".join(
                    write_box(b"colr", bytes([1, 0, 0, 0, 0, 0, 16]))
                    if each.name == b"colr"
                    else write_box(*each)
                    for each in boxes(body)
                )
                + more
            )
        parts.append(write_box(box.name, body))
    return b"".join(parts)


def by_pillow(samples: Samples, kind: str, mode: str | None = None, **options: Any) -> bytes:
    """Saved by Pillow, after conversion to `mode`."""
    image, file = Image.fromarray(samples), io.BytesIO()
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def with_palette(
    indices: Samples, palette: Samples, kind: str, transparency: int | None = None, **options: Any
) -> bytes:
    """Saved by Pillow as indices into `palette`, one of which may be transparent."""
    image, file = Image.fromarray(indices.astype(np.uint8), "P"), io.BytesIO()
    image.putpalette(palette.astype(np.uint8).tobytes())
    if transparency is not None:
        options["transparency"] = transparency
    image.save(file, kind, **options)
    return file.getvalue()


def animated(kind: str) -> bytes:
    """Two frames; the pages of a TIFF."""
    frame = Image.fromarray(255 - SMOOTH)
    return by_pillow(SMOOTH, kind, save_all=True, append_images=[frame])


def dicom(
    samples: Samples,
    *,
    stored: int | None = None,
    photometric: str | None = None,
    syntax: str = uid.ExplicitVRLittleEndian,
    coder: Callable[..., Any] | None = None,
    **elements: Any,
) -> bytes:
    """Saved by pydicom: [height, width], with 3 channels, or [frames, height, width].

    `elements` are further ones by keyword, in place of those of a small secondary capture.
    """
    is_colour = samples.shape[-1] == 3
    frames = np.ascontiguousarray(samples if samples.ndim == 3 + is_colour else samples[None])
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = uid.MRImageStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = (
        f"1.2.3.{number}" for number in range(3)
    )
    dataset.FrameOfReferenceUID = "1.2.3.9"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.NumberOfFrames = len(frames)
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = photometric or ("RGB" if is_colour else "MONOCHROME2")
    dataset.BitsAllocated = 8 * samples.itemsize
    dataset.BitsStored = stored or 8 * samples.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(samples.dtype.kind == "i")
    if is_colour:
        dataset.PlanarConfiguration = 0
    for name, value in elements.items():
        setattr(dataset, name, value)
    if coder is None:
        is_big = syntax == uid.ExplicitVRBigEndian
        pixels = samples.astype(samples.dtype.newbyteorder(">" if is_big else "<")).tobytes()
        dataset.add_new("PixelData", "OW" if samples.itemsize > 1 else "OB", pixels)
        dataset["PixelData"].value += bytes(len(pixels) % 2)
    else:
        dataset.PixelData = encapsulate([bytes(coder(frame)) for frame in frames])
        dataset["PixelData"].is_undefined_length = True
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def paletted(
    stored: Samples, colours: Samples, *, bits: int = 8, first: int = 0, **elements: Any
) -> bytes:
    """A DICOM of numbers that stand for colours [n, 3], the first one for the first of these."""
    words = np.asarray(colours, "<u2" if bits == 16 else "u1")
    for name, column in zip(("Red", "Green", "Blue"), words.T, strict=True):
        table, whole = f"{name}PaletteColorLookupTable", column.tobytes()
        elements[f"{table}Descriptor"] = [len(words) & 0xFFFF, first, bits]
        elements[f"{table}Data"] = whole + bytes(len(whole) % 2)
    return dicom(stored, photometric="PALETTE COLOR", **elements)


def series(samples: Samples, series: str = "1.2.4", **elements: Any) -> list[tuple[str, bytes]]:
    """Slices of 1 mm, [slices, height, width], or with 3 channels: a file each, and its name."""
    lying = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    return [
        (f"scan/IM{number:04}", dicom(each, **lying | _placed(series, number) | elements))
        for number, each in enumerate(samples)
    ]


def _placed(series: str, number: int) -> dict[str, Any]:
    return {
        "SeriesInstanceUID": series,
        "SOPInstanceUID": f"{series}.{number}",
        "InstanceNumber": number + 1,
        "ImagePositionPatient": [0, 0, number],
    }


def zipped(*files: tuple[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of files by their names."""
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", packing) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, packing)
    return result.getvalue()


def nifti(
    samples: Samples,
    *,
    version: int = 1,
    order: str = "<",
    volumes: int = 1,
    packed: bool = False,
) -> bytes:
    """Saved by nibabel: [slices, height, width], or with 3 channels; voxels of 1 x 1 x 1 mm.

    There is a comment in an extension, and slope and intercept are those of a scanner.
    """
    slices, height, width, *channels = samples.shape
    if channels:
        samples = samples.view([(each, "u1") for each in "RGB"])[..., 0]
    shaped = samples.reshape(volumes, slices // volumes, height, width)
    kind = (nibabel.Nifti1Image, nibabel.Nifti2Image)[version - 1]
    header = kind.header_class(endianness=order)
    header.set_data_dtype(samples.dtype)
    header["descrip"] = b"a scan"
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"said in passing"))
    image = kind(np.squeeze(shaped.T, 3) if volumes == 1 else shaped.T, np.eye(4), header)
    image.header.set_slope_inter(1, 0)
    data = bytes(image.to_bytes())
    return gzip.compress(data, 1, mtime=0) if packed else data


def mgh(
    samples: Samples, *, volumes: int = 1, packed: bool = False, intent: int | None = None
) -> bytes:
    """Saved by nibabel: [slices, height, width]; voxels of 1 x 1 x 1 mm, and a time between them
    behind the samples; with an intent beside the version.
    """
    slices, height, width = samples.shape
    shaped = samples.reshape(volumes, slices // volumes, height, width)
    image = nibabel.MGHImage(np.squeeze(shaped.T, 3) if volumes == 1 else shaped.T, np.eye(4))
    image.header["tr"] = 2300
    data = bytes(image.to_bytes())
    if intent is not None:
        data = struct.pack(">i", intent << 8 | 1) + data[4:]
    return gzip.compress(data, 1, mtime=0) if packed else data


VOLUME_TYPES = {
    "i1": ("MET_CHAR", "int8"),
    "u1": ("MET_UCHAR", "uchar"),
    "i2": ("MET_SHORT", "short"),
    "u2": ("MET_USHORT", "unsigned short"),
    "i4": ("MET_INT", "int"),
    "u4": ("MET_UINT", "uint32_t"),
    "f4": ("MET_FLOAT", "float"),
    "f8": ("MET_DOUBLE", "double"),
}
"""The names of types in MetaImage and NRRD."""


def mha(
    samples: Samples, *lines: str, order: str = "<", packed: bool = False, channels: int = 1
) -> bytes:
    """Samples [slices, height, width], or of two or four dimensions, 1 mm apart, and of several
    channels; lines are added to the header.
    """
    dimensions = samples.shape[: samples.ndim - (channels > 1)][::-1]
    stored = samples.astype(order + samples.dtype.str[1:]).tobytes()
    body = zlib.compress(stored, 9) if packed else stored
    header = (
        "ObjectType = Image",
        f"NDims = {len(dimensions)}",
        "BinaryData = True",
        f"BinaryDataByteOrderMSB = {order == '>'}",
        f"CompressedData = {packed}",
        *[f"CompressedDataSize = {len(body)}"] * packed,
        f"Offset = {' '.join(['-90'] * len(dimensions))}",
        f"ElementSpacing = {' '.join('1' * len(dimensions))}",
        f"DimSize = {' '.join(map(str, dimensions))}",
        *[f"ElementNumberOfChannels = {channels}"] * (channels > 1),
        f"ElementType = {VOLUME_TYPES[samples.dtype.str[1:]][0]}",
        *lines,
        "ElementDataFile = LOCAL",
    )
    return "".join(f"{line}\n" for line in header).encode() + body


def nrrd(
    samples: Samples,
    *lines: str,
    order: str = "little",
    encoding: str = "raw",
    packed: bool = False,
) -> bytes:
    """Samples [slices, height, width], or of two or four dimensions; RGB if there is a line of
    kinds that says so; other lines are added to the header.
    """
    stored = samples.astype((">" if order == "big" else "<") + samples.dtype.str[1:])
    header = (
        "NRRD0004",
        "# a scan",
        f"type: {VOLUME_TYPES[samples.dtype.str[1:]][1]}",
        f"dimension: {samples.ndim}",
        f"sizes: {' '.join(map(str, samples.shape[::-1]))}",
        f"endian: {order}",
        f"encoding: {'gzip' if packed else encoding}",
        *lines,
    )
    body = gzip.compress(stored.tobytes(), 9, mtime=0) if packed else stored.tobytes()
    return "".join(f"{line}\n" for line in header).encode() + b"\n" + body


def fits(samples: Samples, *cards: str, behind: bytes = b"", before: bytes = b"") -> bytes:
    """Samples [height, width], or [planes, height, width], the highest bit moved if need be; the
    last row comes first, which is the lowest, unless a card says otherwise.
    """
    kind, size = samples.dtype.kind, samples.itemsize
    bits = 8 * size if kind != "f" else -8 * size
    if (kind, size) in (("u", 2), ("u", 4), ("i", 1)):
        offset = -128 if kind == "i" else 1 << (8 * size - 1)
        cards = (f"BZERO   = {offset:>20}", "BSCALE  =                    1", *cards)
        samples = samples.view(f"u{size}") ^ np.array(1 << (8 * size - 1), f"u{size}")
    sides = [f"NAXIS{n}  = {side:>20}" for n, side in enumerate(samples.shape[::-1], 1)]
    first = "XTENSION= 'IMAGE   '" if before else "SIMPLE  =                    T"
    numbers = [f"BITPIX  = {bits:>20}", f"NAXIS   = {samples.ndim:>20}"]
    header = "".join(card.ljust(80) for card in (first, *numbers, *sides, *cards, "END"))
    if samples.ndim > 1 and not any(card.startswith("ROWORDER") for card in cards):
        samples = np.flip(samples, -2)
    stored = samples.astype(samples.dtype.newbyteorder(">")).tobytes("C")
    padded = header.encode().ljust(-(-len(header) // 2880) * 2880)
    return before + padded + stored.ljust(-(-len(stored) // 2880) * 2880, b"\0") + behind


def gzipped(make: Callable[[], bytes]) -> bytes:
    """A file in gzip."""
    return gzip.compress(make(), 1, mtime=0)


def of_two_sizes() -> bytes:
    """A TIFF of pages that differ in size."""
    return by_pillow(SMOOTH, "TIFF", save_all=True, append_images=[Image.fromarray(SMOOTH[1:])])


def by_tifffile(samples: Samples, **options: Any) -> bytes:
    """Saved by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **{"metadata": None} | options)
    return file.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(samples: Samples, bits: int, colour_type: int, *chunks: bytes, interlaced: bool) -> bytes:
    """A PNG of samples `[height, width, channels]`, unfiltered, with `chunks` before the pixels."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    rows = b"".join(
        b"\0" + row for part in _passes(samples, interlaced) for row in packed(part, bits)
    )
    body = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + png_chunk(b"IEND", b"")


def packed(samples: Samples, bits: int, order: str = ">") -> list[bytes]:
    """Each row as bytes, of `bits` a sample, the first in the highest bits."""
    if bits == 16:
        return [row.astype(f"{order}u2").tobytes() for row in samples]
    digits = samples.reshape(len(samples), -1, 1) >> np.arange(bits)[::-1] & 1
    return [np.packbits(row).tobytes() for row in digits.astype(np.uint8)]


def sparse(samples: Samples, **options: Any) -> bytes:
    """Saved by tifffile, with zeros to the right and below, in tiles of which GDAL leaves out those
    without data: here those of zeros alone.
    """
    padded = np.zeros((48, 48, *samples.shape[2:]), samples.dtype)
    padded[: samples.shape[0], : samples.shape[1]] = samples
    data = bytearray(by_tifffile(padded, tile=(16, 16), compression="zlib", **options))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        places = [(tags[tag], tags[tag].dtype) for tag in (Tag.TILE_OFFSETS, Tag.TILE_COUNTS)]
    for number in range(9):
        row, column = (16 * each for each in divmod(number, 3))
        if not padded[row : row + 16, column : column + 16].any():
            for tag, kind in places:
                width = struct.calcsize({3: "H", 4: "I"}[int(kind)])
                start = tag.valueoffset + number * width
                data[start : start + width] = bytes(width)
    return bytes(data)


def tiff_of_bits(samples: Samples, bits: int) -> bytes:
    """A grey TIFF whose samples have any number of bits; no library writes all of them."""
    strip = b"".join(packed(samples, bits, "<"))
    values = {
        Tag.WIDTH: samples.shape[1],
        Tag.HEIGHT: samples.shape[0],
        Tag.BITS: bits,
        Tag.PHOTOMETRIC: 1,
        Tag.STRIP_OFFSETS: 8,
        Tag.STRIP_COUNTS: len(strip),
    }
    start = 8 + len(strip) + len(strip) % 2
    fields: ifd.Tree = {tag: ifd.integers("<", ifd.LONG, value) for tag, value in values.items()}
    return ifd.header("<", start) + strip.ljust(start - 8, b"\0") + ifd.pack(fields, "<", start)


def bmp(bits: int, compression: int, pixels: bytes, width: int, *masks: int) -> bytes:
    """One row, in a BMP with a header of version 4, for what Pillow does not write."""
    header = struct.pack("<IiiHHIIiiII", 108, width, 1, 1, bits, compression, 0, 0, 0, 0, 0)
    header += struct.pack("<4I", *(masks or (0, 0, 0, 0))) + bytes(52)
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels


def bmp_of_runs(indices: Samples, colours: Samples, bits: int) -> bytes:
    """Indices in a BMP of runs: the even rows pixel by pixel, of the odd ones each pixel a run."""
    runs = b""
    for number, row in enumerate(indices[::-1]):
        if number % 2:
            runs += b"".join(bytes([1, index << (8 - bits)]) for index in row.tolist())
        else:
            packed = row.tobytes() if bits == 8 else bytes.fromhex(row.tobytes().hex()[1::2] + "0")
            runs += bytes([0, len(row)]) + packed + bytes(len(packed) % 2)
        runs += b"\0\0"
    height, width = indices.shape
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 3 - bits // 4, 0, 0, 0, 4, 0)
    head += np.pad(colours[:, ::-1], ((0, 0), (0, 1))).tobytes()
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(runs) + 2, 0, 0, start) + head + runs + b"\0\1"


def cmyk_jpeg(inks: Samples, colours: imagecodecs.JPEG8.CS) -> bytes:
    """Four inks, by libjpeg-turbo, as they are (CMYK) or rotated into YCCK, signed by Adobe."""
    return bytes(
        imagecodecs.jpeg8_encode(
            255 - inks, 100, colorspace=imagecodecs.JPEG8.CS.CMYK, outcolorspace=colours
        )
    )


def spread(samples: Samples, bits: int) -> Samples:
    """Samples of few bits over the full range of 8 or 16, as the service should answer them."""
    full = 255 if bits <= 8 else 65_535
    levels = np.rint(samples.astype(float) * full / (2**bits - 1))
    return np.asarray(levels, np.uint8 if bits <= 8 else np.uint16)


def few_bits(bits: int) -> Samples:
    """Grey noise of `bits` a sample."""
    return DEEP[..., :1] >> (16 - bits)


def exif(orientation: int, **others: bytes) -> bytes:
    """A camera's name, where it stood, and which way up it was held; `others` by their tags."""
    block = Image.Exif()
    block[Tag.ORIENTATION] = orientation
    block[0x0110] = "Camera"
    block.get_ifd(Tag.GPS)[0x0001] = "N"
    for name, value in others.items():
        block[Tag[name]] = value
    return block.tobytes()


def adobe_exif() -> bytes:
    """EXIF that says, as some cameras do, that the samples are those of Adobe RGB."""
    block = Image.Exif()
    block.get_ifd(Tag.EXIF)[Tag.COLOUR_SPACE] = 2
    return block.tobytes()


def without_adobe(jpeg: bytes) -> bytes:
    """A JPEG without Adobe's marker, which says what its colours are."""
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def profile() -> bytes:
    """A colour profile, without the time at which it was made."""
    made = bytearray(imagecodecs.cms_profile("srgb"))
    made[24:36] = bytes(12)
    return bytes(made)


def linear_profile() -> bytes:
    """A colour profile whose curves are straight."""
    made = bytearray(profile())
    (count,) = struct.unpack_from(">I", made, 128)
    for place in range(132, 132 + 12 * count, 12):
        name, start, _ = struct.unpack_from(">4sII", made, place)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            made[start : start + 12] = b"curv" + bytes(8)
            struct.pack_into(">I", made, place + 8, 12)
    return bytes(made)


def exif_text(name: bytes) -> bytes:
    """EXIF in a chunk of text, plain or packed, as ImageMagick writes it."""
    digits = exif(1).hex().encode()
    text = b"\nexif\n%8d\n" % (len(digits) // 2) + digits + b"\n"
    packed_text = b"\0" + zlib.compress(text) if name == b"zTXt" else text
    return png_chunk(name, b"Raw profile type exif\0" + packed_text)


def turned(samples: Samples, orientation: int) -> Samples:
    """The picture as displayed by a viewer that applies the orientation."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    image = Image.fromarray(samples)
    return np.asarray(image.transpose(turns[orientation]) if orientation in turns else image)


def _passes(samples: Samples, interlaced: bool) -> list[Samples]:
    if not interlaced:
        return [samples]
    adam7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    parts = [samples[top::down, left::across] for left, top, across, down in (*adam7, (0, 1, 1, 2))]
    return [part for part in parts if part.size]
