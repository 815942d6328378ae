"""The way of a picture through one request: decoded, worked on and encoded off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from starlette.requests import ClientDisconnect, Request

from app.api.memory import Share
from app.api.problems import ProblemError
from app.api.service import Service
from app.api.trace import Trace
from app.imaging.codec import Header, Picture, decode, read_header

P = ParamSpec("P")
T = TypeVar("T")

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


async def in_thread(service: Service, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `work`, run in one of the codec threads."""
    return await service.codecs.run(partial(work, *args, **kwargs))


async def decoded(service: Service, trace: Trace, share: Share, *files: bytes) -> list[Picture]:
    """The pictures in the files; each is reckoned by its header before any is decoded.

    Raises ImagingError, and Overloaded where the pixels of other requests leave no room.
    """
    limits = service.settings
    with trace.stage("decode"):
        headers = [await in_thread(service, read_header, file) for file in files]
        trace.pixels = sum(header.size for header in headers)
        if all(_within_limits(service, header) for header in headers):
            # Metadata is copied out of the files, at most all of them.
            share.hold(2 * sum(map(len, files)) + sum(header.decoded_bytes for header in headers))
        pictures = [
            await in_thread(
                service, decode, file, max_pixels=limits.max_pixels, max_side=limits.max_side
            )
            for file in files
        ]
    share.hold(sum(map(_weight, pictures)))
    return pictures


def _weight(picture: Picture) -> int:
    """Bytes of a picture and of its result, which has the same alpha until it is encoded."""
    alpha = 0 if picture.alpha is None else picture.alpha.nbytes
    may_hide = picture.alpha is not None or picture.dtype.kind == "f"
    # its samples anew without those that are hidden, a mask, and a pyramid of one channel
    shown = picture.pixels.nbytes + picture.pixels.size + 16 * picture.size if may_hide else 0
    # with a channel beside them, colours are worked on in one array with it
    extra = 0 if picture.extra is None else 3 * picture.extra.nbytes + 2 * picture.pixels.nbytes
    return 2 * (picture.pixels.nbytes + picture.metadata.nbytes) + alpha + extra + shown


def _within_limits(service: Service, header: Header) -> bool:
    """Whether `decode` will take it; if not, its refusal says more than one for want of memory."""
    settings = service.settings
    sides, size = (header.width, header.height), header.width * header.height
    return max(sides) <= settings.max_side and size <= settings.max_pixels
