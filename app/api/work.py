"""The way of a picture through one request: in workers but for the network."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
from starlette.requests import ClientDisconnect, Request

from app.api.problems import ProblemError
from app.imaging.codec import Header, UnreadableImage
from app.imaging.removed import Wanted
from app.imaging.stack import AxesChoice
from app.sandbox.faults import Cause, WorkerLost
from app.sandbox.layout import Layout
from app.sandbox.limits import SMALL_BYTES
from app.sandbox.remote import Remote, SharedPicture
from app.service.memory import Share
from app.service.service import Service
from app.service.trace import Trace

TIMEOUT_RETRY_AFTER = 10.0


@asynccontextmanager
async def while_wanted(request: Request, seconds: float) -> AsyncIterator[None]:
    """Cancels the block when the client leaves (ClientDisconnect) or the time is up (503).

    To be entered once the body has been read: from there on, the client's next message can only
    be its departure.
    """
    with anyio.move_on_after(seconds) as scope:
        departure = asyncio.create_task(_cancel_on_departure(request, scope))
        try:
            yield
        finally:
            departure.cancel()
    if scope.cancelled_caught:
        if departure.done() and not departure.cancelled():
            raise ClientDisconnect
        detail = f"The picture was not ready within {seconds:g} seconds."
        raise ProblemError(503, "timeout", detail, retry_after=TIMEOUT_RETRY_AFTER)


async def _cancel_on_departure(request: Request, scope: anyio.CancelScope) -> None:
    await request.receive()
    scope.cancel()


async def opened(
    service: Service, worker: Remote, trace: Trace, share: Share, files: list[bytes]
) -> None:
    """Gives the files to a worker, which is to decode them in this order.

    They are reckoned by their headers before any is decoded. The list is emptied: each is in the
    worker's memory alone by then. Raises ImagingError, and Overloaded where the pixels of other
    requests leave no room.
    """
    size = sum(map(len, files))
    headers = []
    while files:
        headers.append(await worker.read(files.pop(0)))
    trace.pixels = sum(header.size for header in headers)
    if all(_within_limits(service, header) for header in headers):
        # Metadata is copied out of the files, at most all of them.
        share.hold(2 * size + sum(header.decoded_bytes for header in headers))


async def decoded(
    service: Service, worker: Remote, trace: Trace, share: Share, files: list[bytes]
) -> SharedPicture:
    """The one file that there is, taken off the list, as a picture in shared memory.

    A small one costs a worker one trip, if there is memory for it whatever its header declares; any
    other is decoded once that has been reckoned with. Raises as `opened` does.
    """
    size, limits = len(files[0]), limits_of(service)
    if 2 * size + SMALL_BYTES > share.room:
        await opened(service, worker, trace, share, files)
        return await worker.decode_shared(**limits)
    share.hold(2 * size + SMALL_BYTES)
    header, picture = await worker.open_shared(files.pop(), **limits)
    trace.pixels = header.size
    if _within_limits(service, header):
        share.hold(2 * size + header.decoded_bytes)
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


def weight(layout: Layout, axes: AxesChoice = "1", wanted: Wanted = "image") -> int:
    """Bytes of a picture and of its result, which has the same alpha until it is encoded."""
    # its samples anew without those that are hidden, a mask, and a pyramid of one channel
    samples, may_hide = layout.pixel_bytes, layout.alpha or layout.dtype.startswith("float")
    shown = 2 * samples + 16 * layout.size if may_hide else 0
    # with a channel beside them, colours are worked on in one array with it
    extra = 3 * layout.extra_bytes + 2 * samples if layout.extra else 0
    # what the axes of a volume give is added up in single precision
    several = len(layout.stack.axes(axes, layout.height, layout.width)) > 1
    added = 4 * layout.size * (layout.channels + layout.extra) if several else 0
    # what was removed is in single precision, and so is the file that it becomes
    removed = 0 if wanted == "image" else 8 * layout.size * layout.channels
    return 2 * layout.nbytes - layout.alpha_bytes + extra + shown + added + removed


def _within_limits(service: Service, header: Header) -> bool:
    """Whether it will be decoded; if not, that refusal says more than one for want of memory."""
    settings = service.settings
    sides = header.width, header.height
    return max(sides) <= settings.max_side and header.size <= settings.max_pixels
