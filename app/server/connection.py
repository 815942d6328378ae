"""One connection of the server: what uvicorn's own HTTP does not do for clients that misbehave.

Written against the uvicorn that `UVICORN` names; a test fails when another one is installed.
"""

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.catalogue import CATALOGUE
from app.api.middleware.headers import SECURITY_HEADERS
from app.api.problems import MEDIA_TYPE, Problem, ProblemError, problem
from app.service.trace import Trace

logger = logging.getLogger(__name__)

UVICORN = "0.54.0"
"""The version whose HttpToolsProtocol is extended here and in `head`."""

SLICE = 1 << 13
"""Bytes that are parsed at a time."""
TURN_SECONDS = 0.005
"""For which one connection may parse before all others have their turn."""
MAX_AHEAD = 1 << 16
"""Bytes that are read and kept while an earlier request is being answered."""
FIRST_PROBE_SECONDS, LONGEST_PROBE_SECONDS = 0.25, 2.0
"""Between two looks at whether a client whose departure cannot be seen still listens: each time
twice as long.
"""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP, in turns and within `answer_seconds`.

    - It parses a slice at a time, and lets the event loop go on after TURN_SECONDS.
    - It parses one request ahead at most; what else comes meanwhile is kept as it is, up to
      MAX_AHEAD bytes, and then no longer read.
    - A client that has closed its half is answered; one that has left altogether is told to every
      request of the connection.
    - A client that does not take an answer within `answer_seconds` is cut off.
    """

    answer_seconds: ClassVar[float]

    _running: RequestResponseCycle | None = None
    """The request that is being answered; `cycle` is the one that was parsed last."""
    _turn: asyncio.Handle | None = None
    _unread: asyncio.TimerHandle | None = None
    _probe: asyncio.TimerHandle | None = None
    _half_closed = False
    """Whether the client has said that it sends no more."""
    _pause = FIRST_PROBE_SECONDS
    _refusal: ProblemError | None = None
    """What is to be answered once all requests before the faulty one have been."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Asks to be told whenever anything is left unsent."""
        super().connection_made(transport)
        self._ahead = bytearray()
        transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells every request that nobody waits for it any more."""
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
        """Keeps what has come, and parses it as far as it is its turn."""
        self._unset_keepalive_if_required()
        self._ahead += data
        if self._turn is None:
            self._advance()
        elif len(self._ahead) > MAX_AHEAD:
            self.flow.pause_reading()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the connection for the answers that are still due; closes it otherwise."""
        complete = self.cycle is not None and not self.cycle.more_body
        if not complete or (self.answered() and not self._ahead):
            return False
        if not self._half_closed:
            self._half_closed = True
            self._look()
        return True

    @property
    def refused(self) -> bool:
        """Whether nothing more that this client sends will be heard."""
        return self._refusal is not None or self.transport.is_closing()

    def answered(self) -> bool:
        """Whether every request that was parsed has its answer."""
        return self._running is None or self._running.response_complete

    def _advance(self) -> None:
        """Parses until there is nothing left, a request has to wait, or the turn is over."""
        self._turn = None
        began = time.perf_counter()
        while self._ahead and not self._waits():
            piece = bytes(self._ahead[:SLICE])
            del self._ahead[:SLICE]
            self._parse_all(piece)
            if self._ahead and time.perf_counter() - began > TURN_SECONDS:
                self._turn = self.loop.call_soon(self._advance)
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

    def _waits(self) -> bool:
        return bool(self.pipeline) or self.refused

    def _parse_all(self, data: bytes) -> None:
        while data and not self.refused:
            data = data[self.parse(data) :]

    def parse(self, data: bytes) -> int:
        """Parses what has come; returns how many bytes of it."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.refuse(problem("bad-request", **CATALOGUE["bad-request"].example))
        except httptools.HttpParserUpgrade as offer:
            if not self.transport.is_closing():
                return self.upgrade_offered(int(offer.args[0]))
        return len(data)

    def upgrade_offered(self, parsed: int) -> int:
        """Passes over an offer of another protocol; returns how many bytes were parsed."""
        return parsed

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running, self._pause = cycle, FIRST_PROBE_SECONDS
        self._unset_keepalive_if_required()
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Goes on with what was sent ahead."""
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
        """Something was left unsent: the client has `answer_seconds` to take it."""
        super().pause_writing()
        if self._unread is None:
            self._expect_reader()

    def resume_writing(self) -> None:
        """All was sent; the time goes on as long as the same answer does."""
        super().resume_writing()
        if self._unread is not None and self.answered():
            self._unread.cancel()
            self._unread = None

    def _expect_reader(self) -> None:
        self._unread = self.loop.call_later(self.answer_seconds, self._cut_off)

    def _cut_off(self) -> None:
        self._unread = None
        logger.info("connection cut off: the client does not read its answer")
        self.transport.abort()

    def _look_later(self) -> None:
        if self._probe is None:
            self._probe = self.loop.call_later(self._pause, self._look)
            self._pause = min(2 * self._pause, LONGEST_PROBE_SECONDS)

    def _look(self) -> None:
        """Finds out whether a client has left whose departure cannot be seen, by talking to it.

        It cannot where the client has closed its half, or has sent more ahead than is read.

        A client that is gone resets the connection, one that only has closed its half takes an
        interim answer for what it is (RFC 9110, 15.2).
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
        """Answers the request that is being parsed with a problem, and hangs up.

        Requests before it are answered first. Where its own answer has begun, it is broken off.
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
        status, trace = refusal.status, Trace()
        title = HTTPStatus(status).phrase
        answer = Problem(
            title=title,
            status=status,
            detail=refusal.detail,
            code=refusal.code,
            request_id=trace.request_id,
        )
        body = answer.model_dump_json(exclude_none=True).encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Request-ID": trace.request_id,
            **SECURITY_HEADERS,
        }
        lines = [f"HTTP/1.1 {status} {title}", *(f"{name}: {headers[name]}" for name in headers)]
        self._ahead.clear()
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
        logger.info("request refused", extra={"request_id": trace.request_id, "status": status})
