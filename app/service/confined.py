"""Decode callers' files in confined processes, within the memory of a request."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.imaging.archive import SIGNATURE
from app.imaging.formats import need_threads
from app.imaging.picture import Header, TooManyPixels, UnreadableImage
from app.imaging.tiling import MOST
from app.sandbox.budget import SMALL_BYTES
from app.sandbox.faults import Cause, WorkerLost
from app.sandbox.handles import SharedPicture
from app.sandbox.layout import Layout
from app.sandbox.remote import Remote
from app.service.options import DenoiseOptions
from app.service.service import Service
from app.service.work import Work
from app.settings import Settings

SPLITTING = 4
"""Packed copies of a zip in memory while it is split into volumes."""

Admit = Callable[[Header], None]
"""Called with a header before the image is decoded; raises to refuse it."""


async def look(work: Work, file: bytes) -> Header:
    """Return the header of a file.

    Raises ImagingError if it cannot be read, or declares more than the limits allow.
    """
    with decoding():
        async with work.worker(threads=need_threads(file)) as worker:
            header = await worker.read(file)
            if not _within_limits(work.service, header):
                await worker.decode(**limits_of(work.service.settings))  # raises what exceeds them
    return header


async def volumes(work: Work, file: bytes) -> list[bytes]:
    """Return the volumes of a zip, each as a zip of its own; any other file unchanged.

    Reserves memory for them. Raises as `look` does, and NeedsTooMuchMemory and Overloaded.
    """
    if not file.startswith(SIGNATURE):
        return [file]
    work.share.hold(SPLITTING * len(file))
    with decoding():
        async with work.worker() as worker:
            parts = await worker.split(file)
    files = [data for _, data in parts] or [file]
    work.share.hold(sum(map(len, files)))
    size, most = sum(header.size for header, _ in parts), work.service.settings.max_pixels
    if size > most:
        raise TooManyPixels(
            f"The zip declares {size} pixels in {len(files)} volumes; at most {most} are taken."
        )
    return files


@asynccontextmanager
async def kept(work: Work, files: list[bytes]) -> AsyncIterator[tuple[Remote, list[Layout]]]:
    """Decode the files in one worker, which keeps the images for further commands.

    Small images take a single round trip, if there is memory for them. Yields the worker and the
    layouts of the images. Empties the list, so that only the worker holds the files. Raises
    ImagingError, WorkerLost, NeedsTooMuchMemory and Overloaded.
    """
    size, count, limits = sum(map(len, files)), len(files), limits_of(work.service.settings)
    layouts: list[Layout] = []
    async with work.worker(threads=need_threads(*files)) as worker:
        with work.trace.stage("decode"), decoding():
            if 2 * size + count * SMALL_BYTES > work.share.room:
                await _read(work, worker, files)
            else:
                work.share.hold(2 * size + count * SMALL_BYTES)
                headers, layouts = await worker.open(*files, **limits)
                files.clear()
                _reserve(work, size, headers)
            layouts = layouts or [await worker.decode(**limits) for _ in range(count)]
        work.share.hold(sum(map(weight, layouts)))
        yield worker, layouts


async def shared(work: Work, files: list[bytes], admit: Admit) -> SharedPicture:
    """Decode the single file of the list, which is emptied, into shared memory.

    A small image takes a single round trip, if there is memory for any small image; others are
    decoded once there is memory for what the header declares. Raises as `kept` and `admit` do.
    """
    size, limits = len(files[0]), limits_of(work.service.settings)
    with work.trace.stage("decode"), decoding():
        async with work.worker(threads=need_threads(*files)) as worker:
            if 2 * size + SMALL_BYTES > work.share.room:
                for header in await _read(work, worker, files):
                    admit(header)
                return await worker.decode_shared(**limits)
            work.share.hold(2 * size + SMALL_BYTES)
            header, picture = await worker.open_shared(files.pop(), **limits)
            _reserve(work, size, [header])
            if _within_limits(work.service, header):
                admit(header)
            return picture or await worker.decode_shared(**limits)


def weight(layout: Layout, options: DenoiseOptions | None = None) -> int:
    """Return the bytes of an image and its result, which share the alpha until they are encoded.

    `options` are those of denoising, if the image is to be denoised.
    """
    # a copy of the samples with the hidden ones filled, a mask, and a pyramid of one channel
    is_float = layout.dtype.startswith("float")
    samples, may_hide = layout.pixel_bytes, layout.alpha or is_float or layout.no_data is not None
    shown = 2 * samples + 16 * layout.size if may_hide else 0
    # colours and an extra channel are processed in one array
    extra = 3 * layout.extra_bytes + 2 * samples if layout.extra else 0
    held = 2 * layout.nbytes - layout.alpha_bytes + extra + shown
    return held if options is None else held + _weight_of_floats(layout, options)


def _weight_of_floats(layout: Layout, options: DenoiseOptions) -> int:
    """Return the bytes of the 32-bit intermediate results of denoising."""
    # the sum of the results along several axes of a volume
    several = len(layout.stack.axes(options.axes, layout.height, layout.width)) > 1
    added = layout.size if several else 0
    # the sums over orientations, for one tile and part of the next
    added += 2 * min(layout.size, MOST) if options.ensemble > 1 else 0
    # the residual, and its file
    removed = 0 if options.result == "image" else 2 * layout.size * layout.channels
    return 4 * (added * (layout.channels + layout.extra) + removed)


async def _read(work: Work, worker: Remote, files: list[bytes]) -> list[Header]:
    """Pass the files to a worker, and reserve the memory that their headers declare."""
    size = sum(map(len, files))
    headers = []
    while files:
        headers.append(await worker.read(files.pop(0)))
    _reserve(work, size, headers)
    return headers


def _reserve(work: Work, size: int, headers: list[Header]) -> None:
    """Reserve memory for decoding files of `size` bytes in total, if they will be decoded."""
    work.trace.pixels = sum(header.size for header in headers)
    if all(_within_limits(work.service, header) for header in headers):
        # Metadata is copied out of the files, which may consist of nothing else.
        work.share.hold(2 * size + sum(header.decoded_bytes for header in headers))


@contextmanager
def decoding() -> Iterator[None]:
    """Turn the crash of a decoder into UnreadableImage, since the file is at fault."""
    try:
        yield
    except WorkerLost as error:
        if error.cause is not Cause.CRASHED:
            raise
        raise UnreadableImage("The image is damaged in a way that ends its decoder.") from error


def limits_of(settings: Settings) -> dict[str, int]:
    """Return the limits on images, as keyword arguments of workers."""
    return {"max_pixels": settings.max_pixels, "max_side": settings.max_side}


def _within_limits(service: Service, header: Header) -> bool:
    """Return whether an image is within the limits; a refusal for these precedes one for memory."""
    settings = service.settings
    sides = header.width, header.height
    return max(sides) <= settings.max_side and header.size <= settings.max_pixels
