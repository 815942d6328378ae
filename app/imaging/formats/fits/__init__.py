"""FITS: images and cubes from astronomy, in numbers of any kind, by FITS standard 4.0."""

from app.imaging.formats.fits.file import FITS, decode, encode, read_header
from app.imaging.formats.format import FileFormat, Holds
from app.imaging.picture import Format

HOLDS = Holds(depths=(8, 16, 32, 64), alpha=True, numbers=True, frames=True, others=False)

FORMAT = FileFormat(
    name=Format.FITS,
    title=FITS.title,
    media_types=("image/fits", "application/fits"),
    suffixes=(".fits", ".fit", ".fts"),
    recognises=FITS.recognises,
    read_header=read_header,
    decode=decode,
    encode=encode,
    holds=HOLDS,
)
