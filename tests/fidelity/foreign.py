"""The beginnings of files in formats that are known but not read, by what each is called."""


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """The first box of an ISO base media file."""
    body = major + bytes(4) + b"".join(compatible)
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
SAMPLES = [
    ("a camera raw", ftyp(b"crx ", b"crx ", b"isom")),
    ("a camera raw", b"II*\0\x10\0\0\0CR\2\0" + bytes(20)),
    ("a camera raw", b"FUJIFILMCCD-RAW 0201"),
    ("a PDF", b"\n%PDF-1.7"),
    ("an SVG", b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->' + SVG),
    ("an SVG", SVG),
    ("a Photoshop", b"8BPS\0\1"),
    ("a PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    ("a Windows metafile", b"\1\0\0\0" + bytes(36) + b" EMF"),
    ("a DDS", b"DDS \x7c\0\0\0"),
    ("a PCX", b"\x0a\5\1\x08"),
    ("an SGI", b"\x01\xda\1\1"),
    ("an OpenEXR", b"\x76\x2f\x31\x01"),
    ("a NIfTI header", b"\x5c\1\0\0" + bytes(340) + b"ni1\0"),
    ("a NIfTI header", b"\x1c\2\0\0ni2\0\r\n\x1a\n"),
    ("a DICOM", b"\x08\0\x05\0CS\x0a\0ISO_IR 100"),
    ("a DICOM", b"\x08\0\x08\0CS\x10\0ORIGINAL"),
    ("a DICOM", b"\x08\0\x16\0\x1a\0\0\x001.2.840"),
    ("a DICOM", b"\x08\0\0\0UL\4\0" + bytes(4)),
    ("a DICOM", b"\2\0\0\0UL\4\0" + bytes(4)),
    ("a DICOM", b"DICM\2\0\0\0UL\4\0" + bytes(4)),
    ("a Zeiss CZI", b"ZISRAWFILE" + bytes(6)),
    ("a Nikon ND2", b"\xda\xce\xbe\x0a\x10\0\0\0"),
    ("a Leica LIF", b"p\0\0\0\x10\0\0\0*" + bytes(7)),
    ("a NetCDF or MINC", b"CDF\1\0\0\0\0"),
    ("an old Zeiss, Olympus or Office", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("an HDF5", b"\x89HDF\r\n\x1a\n" + bytes(8)),
    ("a NumPy", b"\x93NUMPY\1\0v\0{'descr': '<u2'}"),
    ("a PFM", b"PF\n4 4\n-1.0\n" + bytes(192)),
    ("a Radiance", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"),
    ("a JPEG XR", b"II\xbc\x01" + bytes(8)),
    ("an icon", b"\0\0\1\0\1\0\x10\x10"),
    ("a GIMP", b"gimp xcf v011\0"),
    ("a QOI", b"qoif" + bytes(10)),
    ("a video", ftyp(b"isom", b"isom", b"mp41")),
    ("a video", ftyp(b"qt  ", b"qt  ")),
    ("a video", b"\x1a\x45\xdf\xa3" + bytes(8)),
    ("an archive", b"7z\xbc\xaf\x27\x1c" + bytes(8)),
    ("an archive", b"scan.dcm".ljust(257, b"\0") + b"ustar\0"),
    ("a data URI", b"data:image/png;base64,iVBORw0KGgo="),
    ("a Base64", b"iVBORw0KGgoAAAANSUhEUgAA\r\nAAUA=="),
    ("a Base64", b"/9j/4AAQSkZJRgABAQ"),
    ("a JSON", b'{"detail": "not found"}'),
    ("an HTML", b"\n<!DOCTYPE html><html>"),
    ("a gzip", b"\x1f\x8b\x08"),
]
