"""The response that contains an image."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.imaging.formats import FORMATS
from app.sandbox.handles import SharedFile

PIECE = 1 << 18
"""Bytes of a piece."""


class PictureResponse(Response):
    """Send an image piece by piece, each once the client has read most of the previous one.

    Sent all at once, the image would sit in the server's buffer, outside the accounted memory, for
    as long as the client pleased. A client that has not read it after `seconds` is disconnected.
    """

    def __init__(
        self, file: SharedFile, name: str, headers: dict[str, str], *, seconds: float
    ) -> None:
        """Take `name`, the suggested file name without its suffix."""
        suffix = FORMATS[file.format].suffix
        headers = {"Content-Disposition": f'inline; filename="{name}{suffix}"', **headers}
        if file.changes:
            headers["X-Image-Changes"] = ", ".join(sorted(file.changes))
        if file.notes:
            headers["X-Image-Notes"] = ", ".join(sorted(file.notes))
        super().__init__(
            file.data,
            headers=headers,
            media_type=FORMATS[file.format].media_type,
        )
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; raise ClientDisconnect when the time is up."""

        async def send_in_pieces(message: Message) -> None:
            body = memoryview(message.pop("body", b""))
            last = max(0, len(body) - 1) // PIECE * PIECE
            for start in range(0, last, PIECE):
                piece = bytes(body[start : start + PIECE])
                await send({**message, "body": piece, "more_body": True})
            await send({**message, "body": bytes(body[last:])} if body else message)

        try:
            async with asyncio.timeout(self.seconds):
                await super().__call__(scope, receive, send_in_pieces)
        except TimeoutError:
            raise ClientDisconnect from None
