"""What the service does with its callers' files: in confined processes but for the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.imaging.codec import Header, UnreadableImage
from app.imaging.light import Transfer
from app.imaging.range import Range
from app.imaging.stack import AxesChoice
from app.inference.batcher import Progress
from app.inference.denoiser import Denoiser
from app.sandbox.faults import Cause, WorkerLost
from app.sandbox.layout import Layout
from app.sandbox.limits import SMALL_BYTES
from app.sandbox.remote import Remote, SharedFile, SharedPicture
from app.service.errors import TakesTooLong
from app.service.memory import Share
from app.service.options import DenoiseOptions
from app.service.service import Service
from app.service.trace import Trace


@dataclass(frozen=True, slots=True)
class DenoisedFile:
    """A file without its noise, and what was found on the way."""

    file: SharedFile
    model: str
    sigma: float
    """Standard deviation of the noise, in units of `range`."""
    range: Range
    transfer: Transfer


async def denoise(
    service: Service,
    trace: Trace,
    share: Share,
    files: list[bytes],
    options: DenoiseOptions,
    progress: Progress | None = None,
) -> DenoisedFile:
    """Denoises the one file of the list, which is emptied.

    With `progress`, it may take as long as it does; otherwise it is refused at once where it cannot
    be done within `timeout_seconds`. Raises TakesTooLong, Overloaded, NeedsTooMuchMemory,
    ImagingError, WorkerLost, and as `Models.denoiser` does.
    """
    denoiser = service.models.denoiser(options.model, taken=True)
    trace.model = denoiser.card.name

    def admit(header: Header) -> None:
        if progress is None:
            require_time(service, denoiser, header)

    with trace.stage("decode"), decoding():
        async with service.sandbox.worker() as worker:
            shared = await _decoded(service, worker, trace, share, files, admit)
        share.hold(weight(shared.layout, options.axes))
    picture, restored = shared.pixels, shared.room()
    result = await denoiser.denoise(
        picture,
        strength=options.shares,
        range_=options.working_range,
        transfer=options.transfer,
        axes=options.axes,
        empty=restored.array,
        progress=progress,
    )
    trace.stages |= {"queue": result.timing.queue, "infer": result.timing.infer}
    with trace.stage("encode"):
        async with service.sandbox.worker() as worker:
            file, sigma = await worker.finish(
                shared,
                restored if result.restored is not result.view.pixels else None,
                options.format_for(picture.format, lossless=shared.layout.lossless),
                options.quality,
                channels=result.restored.shape[-1],
                strength=options.shares,
                working_range=options.range,
                transfer=options.transfer,
                strip=options.strips,
            )
    share.hold(len(file.data))
    return DenoisedFile(file, denoiser.card.name, sigma, result.range, result.transfer)


async def look(service: Service, file: bytes) -> Header:
    """What the header of a file declares.

    Raises ImagingError where that cannot be read, or is more than is taken.
    """
    with decoding():
        async with service.sandbox.worker() as worker:
            header = await worker.read(file)
            if not _within_limits(service, header):
                await worker.decode(**limits_of(service))  # which says what is too much
    return header


def require_time(service: Service, denoiser: Denoiser, header: Header) -> None:
    """Raises TakesTooLong for what would not be done in time even if nothing else were."""
    limit = service.settings.timeout_seconds
    seconds = seconds_for(denoiser, header)
    if seconds > limit:
        named = service.models.loaded
        usual = [name for name, other in named.items() if not other.card.historical]
        times = {name: seconds_for(named[name], header) for name in usual}
        faster = min(times, key=times.__getitem__, default=None)
        raise TakesTooLong(
            seconds, limit, faster if faster is not None and times[faster] <= limit else None
        )


def seconds_for(denoiser: Denoiser, header: Header) -> float:
    """How long the network takes for what a header declares, if nothing else is to be done."""
    alone = denoiser.seconds_for(header.height, header.width)
    return alone * header.size / (header.height * header.width)


async def opened(
    service: Service, worker: Remote, trace: Trace, share: Share, files: list[bytes]
) -> list[Header]:
    """Gives the files to a worker, which is to decode them in this order.

    They are reckoned by their headers, which are returned, before any is decoded. The list is
    emptied: each is in the worker's memory alone by then. Raises ImagingError, and Overloaded where
    the pixels of other requests leave no room.
    """
    size = sum(map(len, files))
    headers = []
    while files:
        headers.append(await worker.read(files.pop(0)))
    trace.pixels = sum(header.size for header in headers)
    if all(_within_limits(service, header) for header in headers):
        # Metadata is copied out of the files, at most all of them.
        share.hold(2 * size + sum(header.decoded_bytes for header in headers))
    return headers


async def _decoded(
    service: Service,
    worker: Remote,
    trace: Trace,
    share: Share,
    files: list[bytes],
    admit: Callable[[Header], None],
) -> SharedPicture:
    """The one file that there is, taken off the list, as a picture in shared memory.

    A small one costs a worker one trip, if there is memory for it whatever its header declares; any
    other is decoded once that has been reckoned with. Raises as `opened` and `admit` do.
    """
    size, limits = len(files[0]), limits_of(service)
    if 2 * size + SMALL_BYTES > share.room:
        for header in await opened(service, worker, trace, share, files):
            admit(header)
        return await worker.decode_shared(**limits)
    share.hold(2 * size + SMALL_BYTES)
    header, picture = await worker.open_shared(files.pop(), **limits)
    trace.pixels = header.size
    if _within_limits(service, header):
        share.hold(2 * size + header.decoded_bytes)
        admit(header)
    return picture or await worker.decode_shared(**limits)


@contextmanager
def decoding() -> Iterator[None]:
    """What makes a decoder crash is a file that cannot be read, and its sender's to mend."""
    try:
        yield
    except WorkerLost as error:
        if error.cause is not Cause.CRASHED:
            raise
        raise UnreadableImage("The image is damaged in a way that ends its decoder.") from error


def limits_of(service: Service) -> dict[str, int]:
    """What a picture that is decoded may measure."""
    return {"max_pixels": service.settings.max_pixels, "max_side": service.settings.max_side}


def weight(layout: Layout, axes: AxesChoice = "1") -> int:
    """Bytes of a picture and of its result, which has the same alpha until it is encoded."""
    # its samples anew without those that are hidden, a mask, and a pyramid of one channel
    samples, may_hide = layout.pixel_bytes, layout.alpha or layout.dtype.startswith("float")
    shown = 2 * samples + 16 * layout.size if may_hide else 0
    # with a channel beside them, colours are worked on in one array with it
    extra = 3 * layout.extra_bytes + 2 * samples if layout.extra else 0
    # what the axes of a volume give is added up in single precision
    several = len(layout.stack.axes(axes, layout.height, layout.width)) > 1
    added = 4 * layout.size * (layout.channels + layout.extra) if several else 0
    return 2 * layout.nbytes - layout.alpha_bytes + extra + shown + added


def _within_limits(service: Service, header: Header) -> bool:
    """Whether it will be decoded; if not, that refusal says more than one for want of memory."""
    settings = service.settings
    sides = header.width, header.height
    return max(sides) <= settings.max_side and header.size <= settings.max_pixels
