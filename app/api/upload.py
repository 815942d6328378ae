"""Reads the pictures of a request: a multipart form, or the body itself.

The form is taken apart as it arrives and kept in memory, within the limits on the body and on
what all requests hold: Starlette's own parser would write any file part to disk first.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from app.api.problems import ProblemError, invalid_body, problem
from app.imaging.codec import UnreadableImage
from app.service.memory import Share

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


async def read_image(request: Request, share: Share) -> bytes:
    """The picture in the form field `image`, or in a body of type image/*.

    Raises ProblemError (400, 413, 415, 422), Overloaded, UnreadableImage for zero bytes, and
    ClientDisconnect.
    """
    media_type, parameters = _content_type(request)
    if media_type.startswith("image/"):
        return _not_empty(await _read_body(request, share))
    if media_type == "multipart/form-data":
        return (await _read_form(request, share, parameters, ("image",)))["image"]
    raise _unsupported("Send an image as the body (Content-Type: image/*) or as the field `image`")


async def read_images(request: Request, share: Share, fields: Sequence[str]) -> dict[str, bytes]:
    """The pictures in a form that has exactly the given fields; raises as `read_image` does."""
    media_type, parameters = _content_type(request)
    if media_type != "multipart/form-data":
        raise _unsupported(f"Send the fields {' and '.join(f'`{field}`' for field in fields)}")
    return await _read_form(request, share, parameters, fields)


def _content_type(request: Request) -> tuple[str, dict[bytes, bytes]]:
    media_type, parameters = parse_options_header(request.headers.get("content-type"))
    return media_type.decode("latin-1").lower(), parameters


def _unsupported(what: str) -> ProblemError:
    detail = f"{what} of a multipart/form-data form."
    return problem("unsupported-media-type", reason=detail)


def _not_empty(data: bytes) -> bytes:
    if not data:
        raise UnreadableImage("The image has zero bytes.")
    return data


async def _read_body(request: Request, share: Share) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        share.hold(size)
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_form(
    request: Request, share: Share, parameters: dict[bytes, bytes], fields: Sequence[str]
) -> dict[str, bytes]:
    form = _Form(parameters.get(b"boundary", b""), fields)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        share.hold(size)
        form.feed(chunk)
    return form.images()


class _Form:
    """The images of a multipart form, one part at a time (RFC 7578)."""

    def __init__(self, boundary: bytes, fields: Sequence[str]) -> None:
        if not boundary:
            raise _malformed("Content-Type names no boundary")
        self._fields = fields
        self._parts: dict[str, list[bytes]] = {}
        self._current: list[bytes] = []
        self._header_name = self._header_value = self._disposition = b""
        self._complete = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._extend_header_name,
            "on_header_value": self._extend_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._extend_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def images(self) -> dict[str, bytes]:
        """Every field's bytes, once the whole form has been fed."""
        if not self._complete:
            raise _malformed("it ends before its last boundary")
        for name in self._fields:
            if name not in self._parts:
                raise invalid_body(name, f"The form has no field `{name}`.")
        return {name: _not_empty(b"".join(self._parts[name])) for name in self._fields}

    def _begin_part(self) -> None:
        self._disposition = b""

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _open_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", errors="replace")
        if name not in self._fields:
            taken = " and ".join(f"`{field}`" for field in self._fields)
            raise invalid_body(
                name, f"The form has a field {name[:40]!r}; it may have {taken} and nothing else."
            )
        if name in self._parts:
            raise invalid_body(name, f"The form has the field `{name}` more than once.")
        self._current = self._parts[name] = []

    def _extend_part(self, data: bytes, start: int, end: int) -> None:
        self._current.append(data[start:end])

    def _end(self) -> None:
        self._complete = True


def _malformed(reason: str) -> ProblemError:
    return problem("malformed-form", reason=reason.rstrip("."))
