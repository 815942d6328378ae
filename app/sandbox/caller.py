"""Calls to a worker: a command with its inputs and its budget, then its reply and its result."""

import asyncio
from typing import Any

from app.imaging import codec
from app.imaging.codec import ImagingError
from app.sandbox import desk
from app.sandbox.budget import Need
from app.sandbox.faults import Cause, JobFailed
from app.sandbox.link import Link
from app.sandbox.shared import Area, Region
from app.sandbox.wire import Message

THREAD_BYTES = 1 << 20
"""Longer files are copied in a thread, so that the event loop is not blocked."""


DECODING = ("read", "open", "decode")
"""The commands that decode; what others do with pixels takes longer."""


class Caller:
    """One job after the other on a worker: how commands are sent, and what they may take."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._keeps = False
        """Whether the worker may keep something of the job."""
        self._need = Need()
        """Of the job so far."""

    def rest(self) -> None:
        """Have the worker drop what it may keep of a job that is over."""
        self._need = Need()
        if self._keeps:
            self._keeps = False
            self.link.tell({"do": "drop"})

    async def _handed_over(self, command: str, size: int) -> Area:
        """Return the result, which lies on the desk, or is fetched by a command if it is longer."""
        if size > desk.SIZE:
            area: Area = Region(size)
            await self._ask(command, area)
        else:  # where the next job will write
            area = Area.private(size)
            area.view[:] = self.link.desk.view[:size]
        self._keeps = False
        return area

    async def _ask(self, command: str, *given: Area, **arguments: Any) -> Message:
        """Run a command and return its reply; its inputs lie on the desk, or in regions.

        Its result then lies at the beginning of the desk, if there is room for it.
        """
        budget = self._need.decoding if command in DECODING else self._need.budget
        message = {
            "do": command,
            "budget": [budget.memory, budget.seconds],
            "sizes": [each.size for each in given],
            **arguments,
        }
        regions = [] if desk.lay(self.link.desk, given) else [await _region(each) for each in given]
        answer = await self.link.ask(message, [region.fd for region in regions])
        if "error" in answer:
            raise self._error(answer)
        return answer

    def _error(self, answer: Message) -> Exception:
        name, detail = str(answer["error"]), str(answer.get("detail"))
        if name in ("MemoryLimit", "MemoryError"):  # the rest of its memory may be corrupt
            lost = self.link.loss(Cause.MEMORY, "")
            return lost if name == "MemoryLimit" else MemoryError("a worker had too little memory")
        kind = getattr(codec, name, None)
        if isinstance(kind, type) and issubclass(kind, ImagingError):
            return kind(detail)
        return JobFailed(detail)


async def _region(given: Area) -> Region:
    """Return memory for an input of a worker, where the worker can see it."""
    if isinstance(given, Region):
        return given
    if given.size > THREAD_BYTES:
        return await asyncio.to_thread(Region.holding, given.view)
    return Region.holding(given.view)
