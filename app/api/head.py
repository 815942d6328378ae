"""The limits on a request's head, its first line and headers, which the server itself has not."""

import asyncio
import logging
from http import HTTPStatus
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.headers import SECURITY_HEADERS
from app.api.problems import MEDIA_TYPE, Code, Problem
from app.api.trace import Trace

logger = logging.getLogger(__name__)


class LimitedHead(HttpToolsProtocol):
    """uvicorn's HTTP, hanging up on a head that is longer than `max_bytes` or takes `seconds`.

    The time runs from the connection, so that one that says nothing is closed, too; between two
    requests uvicorn's own, shorter time holds. What is too long is answered 431, too slow 408.
    """

    max_bytes: ClassVar[int]
    seconds: ClassVar[float]

    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None
    _repeats = False

    @classmethod
    def of(cls, max_bytes: int, seconds: float) -> type["LimitedHead"]:
        """The protocol with these limits."""
        return type(cls.__name__, (cls,), {"max_bytes": max_bytes, "seconds": seconds})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the time of the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the time."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head that is still incomplete."""
        if self._deadline is None and self._answered():
            self._expect_head()
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._deadline is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.max_bytes:
                self._refuse_length()

    def _feed(self, data: bytes) -> None:
        while data and not self.transport.is_closing():
            data = data[self._parse(data) :]

    def _parse(self, data: bytes) -> int:
        """Parses what has come; how many bytes of it.

        An offer to continue in another protocol is passed over, as RFC 9110, 7.8 allows: clients
        that would like HTTP/2 make it with any request.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        except httptools.HttpParserUpgrade as offer:
            if not self.transport.is_closing():
                self._expect_body()
                return int(offer.args[0])
        return len(data)

    def _expect_body(self) -> None:
        """Goes on with a parser that does not take the body for the other protocol.

        It is shown the head once more, without the offer, and nobody else hears of that.
        """
        framing = (b"content-length", b"transfer-encoding")
        lines = [b"%b: %b" % header for header in self.headers if header[0] in framing]
        head = [b"POST / HTTP/1.1", *(lines or [b"content-length: 0"]), b"", b""]
        self.parser = httptools.HttpRequestParser(self)
        self._repeats = True
        self._parse(b"\r\n".join(head))

    def on_message_begin(self) -> None:
        """The first byte of a head, maybe sent ahead while another request is being answered."""
        if self._repeats:
            return
        super().on_message_begin()
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """The head has come whole: maybe at once, in a packet that is longer than the limit."""
        if self._repeats:
            self._repeats = False
            return
        self._forget_head()
        sizes = (len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) + sum(sizes) > self.max_bytes:
            self._refuse_length()
        else:
            super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        if not self._repeats:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole line of the head."""
        if not self._repeats:
            super().on_header(name, value)

    def on_message_complete(self) -> None:
        """The end of a request; not that of a head that makes an offer, whose body follows."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(self.seconds, self._end_of_time)

    def _forget_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_of_time(self) -> None:
        if self._answered():
            detail = f"The request's head did not arrive within {self.seconds:g} seconds."
            self._refuse(408, "too-slow", detail)
        else:  # a head sent ahead may wait as long as the answer before it
            self._expect_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Answers what is not HTTP, as uvicorn has it, but as a problem like all others."""
        self._refuse(400, "bad-request", "This is not a request in HTTP/1.1.")

    def _refuse_length(self) -> None:
        detail = f"The request's head is longer than {self.max_bytes} bytes."
        self._refuse(431, "too-large", detail)

    def _refuse(self, status: int, code: Code, detail: str) -> None:
        self._forget_head()
        title, trace = HTTPStatus(status).phrase, Trace.of_caller(None)
        problem = Problem(
            title=title, status=status, detail=detail, code=code, request_id=trace.request_id
        )
        body = problem.model_dump_json(exclude_none=True).encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Request-ID": trace.request_id,
            **SECURITY_HEADERS,
        }
        lines = [f"HTTP/1.1 {status} {title}", *(f"{name}: {headers[name]}" for name in headers)]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
        logger.info("request refused", extra={"request_id": trace.request_id, "status": status})
