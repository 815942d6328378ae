"""Read the images of a request, from a form or from the body itself."""

from collections.abc import Sequence
from io import BytesIO
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from app.api.form import Form
from app.api.problems import ProblemError, invalid_body, invalid_fields, problem
from app.imaging.formats import media_types
from app.imaging.picture import UnreadableImage
from app.service.memory import Share

Options = TypeVar("Options", bound=BaseModel)

FORM = "multipart/form-data"
UNTYPED = ("", "application/octet-stream", "binary/octet-stream")
"""Content types that say nothing about the body, whose first bytes then decide what it is."""


async def read_image(
    request: Request, share: Share, options: Options
) -> tuple[list[bytes], Options]:
    """Return the single image of a request, in a list, and `options` updated from its form.

    The image is either the body, of a supported type or of none, or the only file of a form, in the
    field `image` or any other. A parameter may be a form field, unless the query has a different
    value for it. Raises ProblemError (400, 413, 415, 422), Overloaded, UnreadableImage for zero
    bytes, and ClientDisconnect.
    """
    media_type, parameters = _content_type(request)
    if media_type.startswith("image/") or media_type in (*UNTYPED, *media_types()):
        return [_not_empty(await _read_body(request, share))], options
    if media_type != FORM:
        whole = "an image as the body (Content-Type: image/* or application/octet-stream) or as "
        raise _unsupported(f"{whole}the field `image`", "image")
    form = Form(
        parameters.get(b"boundary", b""), ("image",), type(options).model_fields, any_name=True
    )
    files, texts = await _fed(form, request, share)
    if not files:
        raise _missing("image")
    return [_not_empty(data) for data in files.values()], _with(options, texts)


async def read_images(request: Request, share: Share, fields: Sequence[str]) -> list[bytes]:
    """Return the images in the given fields of a form; raise as `read_image` does."""
    media_type, parameters = _content_type(request)
    if media_type != FORM:
        raise _unsupported(f"the fields {' and '.join(f'`{field}`' for field in fields)}", *fields)
    form = Form(parameters.get(b"boundary", b""), fields, (), any_name=False)
    files, _ = await _fed(form, request, share)
    for name in fields:
        if name not in files:
            raise _missing(name)
    return [_not_empty(files[name]) for name in fields]


def _content_type(request: Request) -> tuple[str, dict[bytes, bytes]]:
    """Return the type of the body and its parameters; refuse a compressed body."""
    coding = ", ".join(request.headers.getlist("content-encoding")).lower()
    if not {each.strip() for each in coding.split(",")} <= {"", "identity"}:
        headers = {"Accept-Encoding": "identity"}
        raise problem("unsupported-encoding", coding=coding[:40], headers=headers)
    media_type, parameters = parse_options_header(request.headers.get("content-type"))
    return media_type.decode("latin-1").lower(), parameters


def _with(options: Options, texts: dict[str, str]) -> Options:
    """Return the options of the query updated with those of the form."""
    try:
        found = type(options).model_validate(texts)
    except ValidationError as error:
        raise invalid_fields(error) from None
    for name in options.model_fields_set & texts.keys():
        if getattr(options, name) != getattr(found, name):
            raise invalid_body(name, f"`{name}` has different values in the query and the form.")
    return options.model_copy(update={name: getattr(found, name) for name in texts})


def _unsupported(what: str, *fields: str) -> ProblemError:
    options = " ".join(f"-F {field}=@PATH" for field in fields)
    detail = f"Send {what} of a multipart/form-data form; with curl, write {options}."
    return problem("unsupported-media-type", reason=detail)


def _missing(name: str) -> ProblemError:
    return invalid_body(name, f"The form has no field `{name}`.")


def _not_empty(data: bytes) -> bytes:
    if not data:
        raise UnreadableImage("The image has zero bytes.")
    return data


async def _read_body(request: Request, share: Share) -> bytes:
    body = BytesIO()  # joining a list of pieces would take their memory twice
    async for chunk in request.stream():
        share.hold(body.tell() + len(chunk))
        body.write(chunk)
    return body.getvalue()


async def _fed(
    form: Form, request: Request, share: Share
) -> tuple[dict[str, bytes], dict[str, str]]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        share.hold(size)
        form.feed(chunk)
    return form.finish()
