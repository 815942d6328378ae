"""Send all content whole, as ASGI middleware."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKING = (b"range", b"if-range")


class Whole:
    """Ignore the Range header, as RFC 9110, section 14.2, lets a server do.

    Files here are small, and Starlette would respond to ranges that make no sense in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without its range, and say that there are none."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def whole_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "accept-ranges" in headers:
                    headers["accept-ranges"] = "none"
            await send(message)

        # in place: middleware outside reads from the scope which route was taken
        scope["headers"] = [field for field in scope["headers"] if field[0] not in _ASKING]
        await self.app(scope, receive, whole_send)
