"""Check that a bulk run accounts for every image: once in the results, whole or named as broken."""

import io
from collections import Counter
from dataclasses import dataclass

from PIL import Image

from app.bulk.results import read_rows
from app.bulk.rows import State
from app.bulk.store import Store
from app.imaging.codec import encode
from app.imaging.picture import Format
from benchmarks.markdown import Bound
from benchmarks.pictures import photograph

DRAWN_PIXELS = 32_000_000
"""About so many are drawn, which takes long; the images beyond are the same again."""
QUALITY = 85
BROKEN = ("cut", "text", "empty")


@dataclass(frozen=True)
class Account:
    """What a run has left behind."""

    images: int
    done: int
    repeated: int
    """Images with more than one row."""
    missing: int
    """Images without a row."""
    half: int
    """Results that cannot be read to their end, or are not of the size in their row."""
    unnamed: int
    """Broken images that no failed row names, and failed rows of whole images."""

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """What must hold."""
        return (
            Bound("images that are not done", self.images - len(BROKEN) - self.done, 0),
            Bound("images in the results more than once", self.repeated, 0),
            Bound("images missing from the results", self.missing, 0),
            Bound("results that are not whole", self.half, 0),
            Bound("broken images not named, or whole ones named", self.unnamed, 0),
        )


def fill(store: Store, count: int, side: int) -> None:
    """Write so many images of `side` x `side` pixels, three of them broken."""
    fill_whole(store, count - len(BROKEN), side)
    cut = encode(photograph(side, side), Format.JPEG).data[:500]
    for name, content in zip(BROKEN, (cut, b"not an image", b""), strict=True):
        store.write(f"{name}.jpg", content)


def fill_whole(store: Store, count: int, side: int) -> None:
    """Write so many images of `side` x `side` pixels, of which up to 16 differ.

    They have half a byte for each pixel, as those of cameras.
    """
    different = min(count, 16, max(1, DRAWN_PIXELS // side**2))
    drawn = (photograph(side, side, seed) for seed in range(different))
    files = [encode(picture, Format.JPEG, QUALITY).data for picture in drawn]
    for index in range(count):
        store.write(f"{index % 7}/{index:07}.jpg", files[index % different])


def account(sources: Store, targets: Store) -> Account:
    """Compare the results at the target with what was filled in at the source."""
    rows = list(read_rows(targets))
    named = Counter(row.source for row in rows)
    files = [source.url for source in sources.files()]
    failed = {row.source for row in rows if row.state is State.FAILED}
    done = [row for row in rows if row.state is State.DONE]
    return Account(
        images=len(files),
        done=len(done),
        repeated=sum(times > 1 for times in named.values()),
        missing=sum(url not in named for url in files),
        half=sum(not _is_whole(targets, row.target, row.bytes) for row in done),
        unnamed=len({sources.url(f"{name}.jpg") for name in BROKEN} ^ failed),
    )


def _is_whole(store: Store, url: str | None, size: int | None) -> bool:
    data = store.read(store.key(url or ""))
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return len(data) == size
