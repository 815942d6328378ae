"""Call a worker: send a command with inputs and budget, receive a reply and a result."""

import asyncio
from typing import Any

from app.imaging import picture
from app.imaging.picture import ImagingError
from app.sandbox import scratch
from app.sandbox.budget import Need
from app.sandbox.faults import Cause, JobFailed
from app.sandbox.link import Link
from app.sandbox.shared import Area, Region
from app.sandbox.wire import Message

THREAD_BYTES = 1 << 20
"""Size above which files are copied in a thread, so as not to block the event loop."""


DECODING = ("read", "open", "decode")
"""The commands that decode; others may take longer per pixel."""


class Caller:
    """Runs one job after the other on a worker, and accounts for what each may use."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._keeps = False
        """Whether the worker may hold data of the job."""
        self._need = Need()
        """The need of the job so far."""

    def rest(self) -> None:
        """Let the worker drop any data of a finished job."""
        self._need = Need()
        if self._keeps:
            self._keeps = False
            self.link.tell({"do": "drop"})

    async def _handed_over(self, command: str, size: int) -> Area:
        """Return the result, from scratch memory or, if that is too small, by another command."""
        if size > scratch.SIZE:
            area: Area = Region(size)
            await self._ask(command, area)
        else:  # copied, since the next job will overwrite it
            area = Area.private(size)
            area.view[:] = self.link.scratch.view[:size]
        self._keeps = False
        return area

    async def _ask(self, command: str, *given: Area, **arguments: Any) -> Message:
        """Run a command and return its reply; its inputs are in the scratch memory, or in regions.

        Its result is then at the beginning of the scratch memory, if it fits.
        """
        budget = self._need.decoding if command in DECODING else self._need.budget
        message = {
            "do": command,
            "budget": [budget.memory, budget.seconds],
            "sizes": [each.size for each in given],
            **arguments,
        }
        regions = (
            [] if scratch.put(self.link.scratch, given) else [await _region(each) for each in given]
        )
        answer = await self.link.ask(message, [region.fd for region in regions])
        if "error" in answer:
            raise self._error(answer)
        return answer

    def _error(self, answer: Message) -> Exception:
        name, detail = str(answer["error"]), str(answer.get("detail"))
        if name in ("MemoryLimit", "MemoryError"):  # the rest of its memory may be corrupt
            lost = self.link.loss(Cause.MEMORY, "")
            return lost if name == "MemoryLimit" else MemoryError("a worker had too little memory")
        kind = getattr(picture, name, None)
        if isinstance(kind, type) and issubclass(kind, ImagingError):
            return kind(detail)
        return JobFailed(detail)


async def _region(given: Area) -> Region:
    """Return shared memory with an input for a worker."""
    if isinstance(given, Region):
        return given
    if given.size > THREAD_BYTES:
        return await asyncio.to_thread(Region.holding, given.view)
    return Region.holding(given.view)
