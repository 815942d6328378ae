"""Limit the size of a request body, and the time it may take to arrive, as ASGI middleware."""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import ProblemError, problem

LINGER_SECONDS = 2.0
"""Seconds for which the rest of a body is read and discarded after an early response.

Closing the connection at once would reset it, and a client that is still sending would lose the
response (RFC 9112, section 9.6).
"""


class BodyLimit:
    """Stop reading a body that is longer than `max_bytes` or takes longer than `seconds`.

    Reading it then raises ProblemError (413 or 408) in the endpoint; that of a GET is discarded.
    Bytes are counted as they arrive, whatever Content-Length says, and are not buffered here.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body limited."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive, send, self.max_bytes, self.seconds)
        await self.app(scope, body.receive, body.send)
        await body.linger()


class _Body:
    """The body of one request on its way in, and the response on its way out."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, max_bytes: int, seconds: float
    ) -> None:
        headers = Headers(scope=scope)
        self._receive, self._send = receive, send
        self._declared = _content_length(headers)
        self._has_meaning = scope["method"] not in ("GET", "HEAD")  # RFC 9110, section 9.3
        self._max_bytes, self._seconds = max_bytes, seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._bytes = 0
        self._complete = self._declared == 0 and "transfer-encoding" not in headers
        self._lingers = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        if not self._has_meaning:
            return await self._departure()
        if self._declared > self._max_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise problem("too-slow", part="The body", seconds=self._seconds) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._max_bytes:
            raise self._too_large()
        self._note(message)
        return message

    async def _departure(self) -> Message:
        """Discard what the client sends, and return once it leaves.

        Of a GET, Starlette receives nothing but this, while it sends the response, which an error
        about the body must not interrupt.
        """
        while True:
            message = await self._receive()
            self._note(message)
            if message["type"] == "http.disconnect":
                return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._complete:
            self._lingers = True
            MutableHeaders(scope=message)["Connection"] = "close"
        if self._lingers and message["type"] == "http.response.body":
            message["more_body"] = True
        await self._send(message)

    async def linger(self) -> None:
        """Keep reading what the client sends for a while, and only then end the response."""
        if not self._lingers:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._complete:
                    self._note(await self._receive())
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _note(self, message: Message) -> None:
        gone = message["type"] == "http.disconnect"
        self._complete = gone or not message.get("more_body", False)

    def _too_large(self) -> ProblemError:
        return problem("too-large", limit=self._max_bytes)


def _content_length(headers: Headers) -> int:
    """Return the declared length; 0 without one, or if it is not a number."""
    declared = headers.get("content-length", "0")
    return int(declared) if declared.isdecimal() and declared.isascii() else 0
