"""Limits on a request's line and headers (its head), which uvicorn does not have."""

import asyncio
import re
from typing import ClassVar

import httptools

from app.api.problems import ProblemError, problem
from app.server.connection import Connection

HOST = re.compile(rb"[^\s/?#@\\]*")
MAX_FIELDS = 100
"""Far more than clients and proxies send. Short fields take thirty times their bytes in memory."""


class LimitedHead(Connection):
    """Close connections whose request head exceeds `max_bytes` or takes longer than `seconds`.

    The time runs from the opening of the connection, so that a silent client is disconnected, too;
    between two requests, uvicorn's shorter keep-alive timeout applies. The response is 431 for a
    head that is too long or has more than MAX_FIELDS fields, 408 for one that is too slow, and 400
    for an HTTP/1.1 request without exactly one Host header. Trailers, and everything else between
    the chunks of a chunked body, count as a head of their own.
    """

    max_bytes: ClassVar[int]
    seconds: ClassVar[float]

    _in_head = False
    _head_bytes = 0
    """Bytes of the head, or of what lies between two chunks, before the current slice."""
    _field_bytes = 0
    """Bytes of the trailers, counted as those of a head."""
    _counted_from_here = False
    _deadline: asyncio.TimerHandle | None = None
    _repeats = False

    @classmethod
    def of(cls, max_bytes: int, seconds: float, answer_seconds: float) -> type["LimitedHead"]:
        """Return a subclass with these limits."""
        limits = {"max_bytes": max_bytes, "seconds": seconds, "answer_seconds": answer_seconds}
        return type(cls.__name__, (cls,), limits)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the time limit at the first byte of a head."""
        if self._deadline is None and self.answered():
            self._expect_head()
        super().data_received(data)

    def parse(self, data: bytes) -> int:
        """Parse `data`, and count the bytes that belong to an incomplete head."""
        self._counted_from_here = False
        parsed = super().parse(data)
        if not (self._counted_from_here or self.refused):
            self._head_bytes += parsed
            if self._head_bytes > self.max_bytes:
                self._refuse_length()
        return parsed

    def upgrade_offered(self, parsed: int) -> int:
        """Ignore an offer to switch protocols, as RFC 9110, section 7.8 allows.

        Clients that support HTTP/2 may send the offer with any request. The body follows the head,
        so a new parser is fed the framing headers again without the offer; callbacks are suppressed
        meanwhile.
        """
        framing = (b"content-length", b"transfer-encoding")
        lines = [b"%b: %b" % header for header in self.headers if header[0] in framing]
        head = [b"POST / HTTP/1.1", *(lines or [b"content-length: 0"]), b"", b""]
        self.parser = httptools.HttpRequestParser(self)
        self._repeats = True
        super().parse(b"\r\n".join(head))
        return parsed

    def on_message_begin(self) -> None:
        """Begin a head, perhaps one sent ahead while another request is in progress."""
        if self._repeats or self.refused:
            return
        super().on_message_begin()
        self._in_head = True
        self._count_anew()
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Check the size of the complete head, which may have arrived in one oversized packet."""
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
                problem("bad-request", reason="The request must have exactly one Host header.")
            )
        else:
            super().on_headers_complete()

    def _names_one_host(self) -> bool:
        hosts = [value for name, value in self.headers if name == b"host"]
        if not hosts:
            return str(self.parser.get_http_version()) == "1.0"
        return len(hosts) == 1 and HOST.fullmatch(hosts[0]) is not None

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        if not (self._repeats or self.refused):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a complete header line, or read and drop a trailer."""
        if self._repeats or self.refused:
            return
        if self._in_head:
            super().on_header(name, value)
            if len(self.headers) > MAX_FIELDS:
                self._refuse_size(f"{MAX_FIELDS} fields")
            return
        self._field_bytes += len(name) + len(value) + 4
        if self._field_bytes > self.max_bytes:
            self._refuse_length()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, and restart the count."""
        if not self.refused:
            self._count_anew()
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request, unless its head offers to switch protocols and the body is to follow."""
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
            part = "The request line and headers"
            self._refuse_head(problem("too-slow", part=part, seconds=self.seconds))
        else:  # a head sent ahead may wait until the earlier response is complete
            self._expect_head()

    def _refuse_length(self) -> None:
        self._refuse_size(f"{self.max_bytes} bytes")

    def _refuse_size(self, limit: str) -> None:
        self._refuse_head(problem("head-too-large", limit=limit))

    def _refuse_head(self, refusal: ProblemError) -> None:
        self._forget_head()
        self.refuse(refusal)
