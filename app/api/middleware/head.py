"""Answer HEAD wherever GET is answered, as ASGI middleware (RFC 9110, section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Take HEAD for GET until the response begins; its content is not sent.

    From then on the method is HEAD again: endpoints see by it that nobody gets what follows.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the response without its content."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def bare_send(message: Message) -> None:
            scope["method"] = "HEAD"
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # in place: middleware outside reads from the scope which route was taken
        scope["method"] = "GET"
        try:
            await self.app(scope, receive, bare_send)
        finally:
            scope["method"] = "HEAD"
