"""A connection of the server: uvicorn's HTTP protocol, hardened against hostile clients.

Written against the version of uvicorn in `UVICORN`; a test fails when another one is installed.
"""

import asyncio
import logging
import time
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.catalogue import CATALOGUE
from app.api.problems import ProblemError, problem
from app.server.refusal import response_to
from app.service.trace import Trace

logger = logging.getLogger(__name__)

UVICORN = "0.54.0"
"""Version of uvicorn whose HttpToolsProtocol is extended here and in `head`."""

SLICE = 1 << 13
"""Bytes parsed at a time, where they are not within a body of a declared length."""
TURN_SECONDS = 0.005
"""Seconds for which one connection may parse before the event loop serves the others.

All connections that need further turns share half of the time, one turn after the other.
"""
MAX_AHEAD = 1 << 16
"""Bytes that are read and kept while an earlier request is in progress."""
FIRST_PROBE_SECONDS, LONGEST_PROBE_SECONDS = 0.25, 2.0
"""Seconds between two probes for a client whose departure cannot be seen otherwise. The interval
doubles with each probe.
"""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with parsing in turns and a time limit on reading responses.

    - It parses a slice of the received bytes at a time and yields to the event loop after
      TURN_SECONDS. A body of a declared length is parsed in one piece, which costs nothing.
    - It parses at most one request ahead. Further bytes are kept unparsed, up to MAX_AHEAD; beyond
      that, reading pauses.
    - A client that has closed its sending side still gets its responses. When a client leaves,
      all requests of the connection are notified.
    - A client that does not read a response within `answer_seconds` is cut off.
    """

    answer_seconds: ClassVar[float]

    _next_turn: ClassVar[float] = 0.0
    """The time, by the event loop's clock, at which the next turn of any connection may begin."""
    _running: RequestResponseCycle | None = None
    """The request in progress; `cycle` is the one parsed last."""
    _turn: asyncio.Handle | None = None
    _unread: asyncio.TimerHandle | None = None
    _probe: asyncio.TimerHandle | None = None
    _body_left = 0
    """Bytes that are still missing from the current body, if its length is declared."""
    _half_closed = False
    """Whether the client has closed its sending side."""
    _pause = FIRST_PROBE_SECONDS
    _refusal: ProblemError | None = None
    """The problem to send once all requests before the faulty one have their responses."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Open the connection, and ask the transport to report any bytes left unsent."""
        super().connection_made(transport)
        self._ahead = bytearray()
        transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request of the connection that the client has left."""
        for handle in (self._turn, self._unread, self._probe):
            if handle is not None:
                handle.cancel()
        self._turn = self._unread = self._probe = None
        self._ahead.clear()
        self.pipeline.clear()
        self._leave(self._running)
        super().connection_lost(exc)

    @staticmethod
    def _leave(cycle: RequestResponseCycle | None) -> None:
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Keep the received bytes, and parse them unless a turn is already scheduled.

        Data that is entirely part of a body is parsed directly.
        """
        self._unset_keepalive_if_required()
        if len(data) <= self._body_left and not (self._ahead or self._waits()):
            self._parse_all(data)
            return
        self._ahead += data
        if self._turn is None:
            self._advance()
        elif len(self._ahead) > MAX_AHEAD:
            self.flow.pause_reading()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether to keep the connection open because responses are still due."""
        complete = self.cycle is not None and not self.cycle.more_body
        if not complete or (self.answered() and not self._ahead):
            return False
        if not self._half_closed:
            self._half_closed = True
            self._look()
        return True

    @property
    def refused(self) -> bool:
        """Whether nothing more from this client will be processed."""
        return self._refusal is not None or self.transport.is_closing()

    def answered(self) -> bool:
        """Return whether every parsed request has its response."""
        return self._running is None or self._running.response_complete

    def _advance(self) -> None:
        """Parse until nothing is left, a request has to wait, or the turn is over."""
        self._turn = None
        began = time.perf_counter()
        while self._ahead and not self._waits():
            size = max(SLICE, self._body_left)
            piece = bytes(memoryview(self._ahead)[:size])
            del self._ahead[:size]
            self._parse_all(piece)
            if self._ahead and time.perf_counter() - began > TURN_SECONDS:
                self._turn = self._further_turn()
                break
        if self.transport.is_closing():
            self._ahead.clear()
        elif self._turn is not None:
            self.flow.pause_reading()
        elif len(self._ahead) > MAX_AHEAD:
            self.flow.pause_reading()
            self._look_later()
        elif self.cycle is None or len(self.cycle.body) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def _further_turn(self) -> asyncio.Handle:
        begins = max(self.loop.time(), Connection._next_turn)
        Connection._next_turn = begins + 2 * TURN_SECONDS
        return self.loop.call_at(begins, self._advance)

    def _waits(self) -> bool:
        return bool(self.pipeline) or self.refused

    def _parse_all(self, data: bytes) -> None:
        while data and not self.refused:
            data = data[self.parse(data) :]

    def parse(self, data: bytes) -> int:
        """Parse `data` and return the number of bytes consumed."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.refuse(problem("bad-request", **CATALOGUE["bad-request"].example))
        except httptools.HttpParserUpgrade as offer:
            if not self.transport.is_closing():
                return self.upgrade_offered(int(offer.args[0]))
        return len(data)

    def upgrade_offered(self, parsed: int) -> int:
        """Ignore an offer to switch protocols; return the number of bytes parsed."""
        return parsed

    def on_headers_complete(self) -> None:
        """Begin a request, and note how long its body is to be."""
        super().on_headers_complete()
        self._body_left = int(dict(self.headers).get(b"content-length", 0))

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_left -= len(body)
        if len(body) > HIGH_WATER_LIMIT and not self.cycle.body:
            self.cycle.body = b""  # type: ignore[assignment]  # so that further pieces are not copied
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running, self._pause = cycle, FIRST_PROBE_SECONDS
        self._unset_keepalive_if_required()
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Continue with the bytes that the client has sent ahead."""
        super().on_response_complete()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        if self.flow.write_paused:
            self._expect_reader()
        if self.transport.is_closing():
            return
        if not self.pipeline and self._refusal is not None:
            self._write_refusal(self._refusal)
        elif self._half_closed and self.answered() and not self._ahead:
            self.transport.close()
        elif self._ahead and self._turn is None:
            self._turn = self.loop.call_soon(self._advance)

    def pause_writing(self) -> None:
        """Start the time limit, since the client has not taken all that was written."""
        super().pause_writing()
        if self._unread is None:
            self._expect_reader()

    def resume_writing(self) -> None:
        """Stop the time limit, unless the same response continues."""
        super().resume_writing()
        if self._unread is not None and self.answered():
            self._unread.cancel()
            self._unread = None

    def _expect_reader(self) -> None:
        self._unread = self.loop.call_later(self.answer_seconds, self._cut_off)

    def _cut_off(self) -> None:
        self._unread = None
        logger.info("connection cut off: the client does not read the response")
        self.transport.abort()

    def _look_later(self) -> None:
        if self._probe is None:
            self._probe = self.loop.call_later(self._pause, self._look)
            self._pause = min(2 * self._pause, LONGEST_PROBE_SECONDS)

    def _look(self) -> None:
        """Probe for a client whose departure cannot be seen, by writing to it.

        Departure cannot be seen where the client has closed its sending side, or has sent more
        ahead than is read. A client that is gone resets the connection; one that has only closed
        its sending side accepts an interim response (RFC 9110, section 15.2).
        """
        self._probe = None
        cycle = self._running
        if self.transport.is_closing() or cycle is None or cycle.response_complete:
            return
        silent = not (cycle.response_started or self.flow.write_paused)
        if silent and cycle.scope["http_version"] == "1.1":
            self.transport.write(CONTINUE)
        self._look_later()

    def refuse(self, refusal: ProblemError) -> None:
        """Respond to the request being parsed with a problem, and close the connection.

        Earlier requests get their responses first. If the response to this request has begun, it is
        broken off.
        """
        if self.refused:
            return
        last = self.cycle
        own = last if last and last.more_body and not last.response_complete else None
        if own is not None and own in [cycle for cycle, _ in self.pipeline]:
            self.pipeline.popleft()
        if not self.answered() and self._running is not own:
            self._refusal = refusal
            return
        if own is not None:
            self._leave(own)
            if own.response_started:
                self.transport.close()
                return
        self._write_refusal(refusal)

    def _write_refusal(self, refusal: ProblemError) -> None:
        trace = Trace()
        self._ahead.clear()
        self.transport.write(response_to(refusal, trace.request_id))
        self.transport.close()
        told = {"request_id": trace.request_id, "status": refusal.status}
        logger.info("request refused", extra=told)
