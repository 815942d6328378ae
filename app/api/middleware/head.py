"""Serve HEAD wherever GET is served, as ASGI middleware (RFC 9110, section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Treat HEAD as GET until the response begins, and send no content.

    The method is HEAD again from then on, which tells endpoints that nobody receives what follows.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and return the response without its content."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def bare_send(message: Message) -> None:
            scope["method"] = "HEAD"
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # changed in place, since outer middleware reads the route from the scope
        scope["method"] = "GET"
        try:
            await self.app(scope, receive, bare_send)
        finally:
            scope["method"] = "HEAD"
