"""Ignore the Range header, as ASGI middleware."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKING = (b"range", b"if-range")


class NoRanges:
    """Send whole content whatever the Range header asks for, as RFC 9110, section 14.2, allows.

    The files are small, and Starlette would respond to invalid ranges in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without its range, and declare that ranges are not supported."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def unranged_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "accept-ranges" in headers:
                    headers["accept-ranges"] = "none"
            await send(message)

        # changed in place, since outer middleware reads the route from the scope
        scope["headers"] = [field for field in scope["headers"] if field[0] not in _ASKING]
        await self.app(scope, receive, unranged_send)
