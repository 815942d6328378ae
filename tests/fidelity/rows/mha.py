"""MetaImage with its samples in the same file."""

from collections.abc import Iterator
from functools import partial

from app.imaging.picture import Format
from tests.fidelity.files import VOLUMES, mha
from tests.fidelity.row import METADATA, UNSUITABLE, UNSUPPORTED, Kept, Row


def rows() -> Iterator[Row]:
    for title, numbers in VOLUMES.items():
        yield f"{title}, 4 slices", partial(mha, numbers), Kept(Format.MHA, numbers)
    numbers = VOLUMES["16-bit signed"]
    kept, plain = Kept(Format.MHA, numbers), partial(mha, numbers)
    yield "16-bit signed, compressed", partial(mha, numbers, packed=True), kept
    yield "16-bit signed, big-endian", partial(mha, numbers, order=">"), kept
    several = partial(mha, numbers.reshape(2, 2, *numbers.shape[1:]))
    yield "16-bit signed, 2 volumes of 2 slices", several, kept
    yield "16-bit signed, one slice", partial(mha, numbers[0]), Kept(Format.MHA, numbers[:1])
    channels = partial(mha, numbers, "ElementNumberOfChannels = 3")
    yield "several channels", channels, UNSUPPORTED
    yield "samples in another file (MHD)", partial(mha, numbers, "ElementDataFile = 1"), UNSUPPORTED
    as_tiff = Kept(Format.TIFF, numbers, (METADATA,))
    yield "16-bit signed, 4 slices", plain, as_tiff, "format=tiff"
    yield "16-bit signed, 4 slices", plain, UNSUITABLE, "metadata=strip"
