"""Identify, log and count every request, and respond to errors that nothing else handles."""

import asyncio
import logging
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from app.api.handlers import problem_response
from app.api.trace import server_timing, trace_for
from app.inference.batcher import Draining
from app.service.metrics import Metrics
from app.service.trace import Trace

logger = logging.getLogger(__name__)

CLIENT_LEFT = 499
"""The status that is logged and counted if the client left before the response."""

PROBES = {"/health/live", "/health/ready", "/metrics"}
"""Paths that machines poll every few seconds; they are logged at level debug."""


class Observe:
    """ASGI middleware: give each request a Trace, and report it at the end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and observe it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace = trace_for(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["trace"] = trace

        async def counted_receive() -> Message:
            message = await receive()
            trace.bytes_in += len(message.get("body", b""))
            return message

        async def marked_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = trace.request_id
                headers["Server-Timing"] = server_timing(trace)
            trace.bytes_out += len(message.get("body", b""))
            await send(message)

        with bound_contextvars(request_id=trace.request_id):
            try:
                await self._answer(scope, counted_receive, marked_send, trace)
            finally:
                self._report(scope, trace)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, trace: Trace) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            trace.status = trace.status or CLIENT_LEFT
        except asyncio.CancelledError:  # the time to drain is over
            if not trace.status:
                await problem_response(Request(scope), Draining())(scope, receive, send)
            raise
        except Exception as error:
            logger.exception("request failed")
            if trace.status:  # the response has begun, and can only be cut off
                raise
            await problem_response(Request(scope), error)(scope, receive, send)

    def _report(self, scope: Scope, trace: Trace) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.count(scope["method"], route, trace)
        level = logging.DEBUG if route in PROBES else logging.INFO
        facts = {
            "method": scope["method"],
            "path": quote(scope["path"]),
            "status": trace.status,
            "seconds": round(trace.elapsed, 4),
            "bytes_in": trace.bytes_in,
            "bytes_out": trace.bytes_out,
            "key": trace.key,
            "model": trace.model,
            "pixels": trace.pixels or None,
        }
        stages = {stage: round(seconds, 4) for stage, seconds in trace.stages.items()}
        known = {name: value for name, value in facts.items() if value is not None}
        logger.log(level, "request", extra=known | stages)
