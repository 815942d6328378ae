"""The limits on a request's head, its first line and headers, which the server itself has not."""

import asyncio
import re
from typing import ClassVar

import httptools

from app.api.problems import ProblemError, problem
from app.server.connection import Connection

HOST = re.compile(rb"[^\s/?#@\\]*")


class LimitedHead(Connection):
    """Hangs up on a head that is longer than `max_bytes` or takes longer than `seconds`.

    The time runs from the connection, so that one that says nothing is closed, too; between two
    requests uvicorn's own, shorter time holds. What is too long is answered 431, too slow 408,
    and 400 a request in HTTP/1.1 without exactly one Host. Trailers count as a head of their own,
    and so does all else between the pieces of a body that comes in chunks.
    """

    max_bytes: ClassVar[int]
    seconds: ClassVar[float]

    _in_head = False
    _head_bytes = 0
    """Of a head, or of what surrounds the pieces of a body, before the slice in hand."""
    _field_bytes = 0
    """Of the trailers, as they are counted in a head."""
    _counted_from_here = False
    _deadline: asyncio.TimerHandle | None = None
    _repeats = False

    @classmethod
    def of(cls, max_bytes: int, seconds: float, answer_seconds: float) -> type["LimitedHead"]:
        """The protocol with these limits."""
        limits = {"max_bytes": max_bytes, "seconds": seconds, "answer_seconds": answer_seconds}
        return type(cls.__name__, (cls,), limits)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the time of the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the time."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Starts the time of a head at its first byte."""
        if self._deadline is None and self.answered():
            self._expect_head()
        super().data_received(data)

    def parse(self, data: bytes) -> int:
        """Counts what belongs to a head that is still incomplete."""
        self._counted_from_here = False
        parsed = super().parse(data)
        if not (self._counted_from_here or self.refused):
            self._head_bytes += parsed
            if self._head_bytes > self.max_bytes:
                self._refuse_length()
        return parsed

    def upgrade_offered(self, parsed: int) -> int:
        """Passes over an offer to continue in another protocol, as RFC 9110, 7.8 allows.

        Clients that would like HTTP/2 make it with any request. What follows is the body: a new
        parser is shown the head once more, without the offer, and nobody else hears of that.
        """
        framing = (b"content-length", b"transfer-encoding")
        lines = [b"%b: %b" % header for header in self.headers if header[0] in framing]
        head = [b"POST / HTTP/1.1", *(lines or [b"content-length: 0"]), b"", b""]
        self.parser = httptools.HttpRequestParser(self)
        self._repeats = True
        super().parse(b"\r\n".join(head))
        return parsed

    def on_message_begin(self) -> None:
        """The first byte of a head, maybe sent ahead while another request is being answered."""
        if self._repeats or self.refused:
            return
        super().on_message_begin()
        self._in_head = True
        self._count_anew()
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """The head has come whole: maybe at once, in a packet that is longer than the limit."""
        if self._repeats:
            self._repeats = False
            return
        if self.refused:
            return
        self._forget_head()
        self._in_head = False
        self._count_anew()
        sizes = (len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) + sum(sizes) > self.max_bytes:
            self._refuse_length()
        elif not self._names_one_host():
            self._refuse_head(
                problem("bad-request", reason="The request must have one header Host.")
            )
        else:
            super().on_headers_complete()

    def _names_one_host(self) -> bool:
        hosts = [value for name, value in self.headers if name == b"host"]
        if not hosts:
            return str(self.parser.get_http_version()) == "1.0"
        return len(hosts) == 1 and HOST.fullmatch(hosts[0]) is not None

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        if not (self._repeats or self.refused):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole line of the head, or a trailer, which is read and dropped."""
        if self._repeats or self.refused:
            return
        if self._in_head:
            super().on_header(name, value)
            return
        self._field_bytes += len(name) + len(value) + 4
        if self._field_bytes > self.max_bytes:
            self._refuse_length()

    def on_body(self, body: bytes) -> None:
        """A piece of the body: all before it is forgotten."""
        if not self.refused:
            self._count_anew()
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request; not that of a head that makes an offer, whose body follows."""
        if not (self.refused or self.parser.should_upgrade()):
            self._count_anew()
            super().on_message_complete()

    def _count_anew(self) -> None:
        self._head_bytes = self._field_bytes = 0
        self._counted_from_here = True

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.seconds, self._end_of_time)

    def _forget_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_of_time(self) -> None:
        if self.answered():
            part = "The request's head"
            self._refuse_head(problem("too-slow", part=part, seconds=self.seconds))
        else:  # a head sent ahead may wait as long as the answer before it
            self._expect_head()

    def _refuse_length(self) -> None:
        self._refuse_head(problem("head-too-large", limit=self.max_bytes))

    def _refuse_head(self, refusal: ProblemError) -> None:
        self._forget_head()
        self.refuse(refusal)
