"""The parts of the OpenAPI description that do not follow from the endpoints' signatures."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.api.catalogue import with_status
from app.api.middleware.access import is_open
from app.api.problems import MEDIA_TYPE, InvalidPart, Problem
from app.imaging import formats
from app.imaging.codec import Change, Note

Json = dict[str, Any]
Responses = dict[int | str, Json]

REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

_CHANGE, _NOTE = "|".join(Change), "|".join(Note)

COMMON_HEADERS: Json = {
    "X-Request-ID": {
        "description": "The X-Request-ID of the request, or a generated one; it is in the log.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "Server-Timing": {
        "description": (
            "Milliseconds in each stage (decode, queue, infer, encode; noise and compare), and in "
            "total."
        ),
        "schema": {"type": "string"},
        "example": "decode;dur=1.4, queue;dur=0.3, infer;dur=16.2, encode;dur=4.9, total;dur=23.5",
    },
}
CHANGES: Json = {
    "X-Image-Changes": {
        "description": (
            "What differs from the upload or is missing in the response: a list of "
            f"{', '.join(f'`{change}`' for change in Change)}. "
            "Absent if only the samples have changed."
        ),
        "schema": {
            "type": "string",
            "pattern": f"^({_CHANGE})(, ({_CHANGE}))*$",
        },
        "example": f"{Change.DEPTH}, {Change.METADATA}",
    }
}
NOTES: Json = {
    "X-Image-Notes": {
        "description": (
            "What is to be known of a scan: "
            f"{', '.join(f'`{note}`' for note in Note)}. Absent for other images."
        ),
        "schema": {"type": "string", "pattern": f"^({_NOTE})(, ({_NOTE}))*$"},
        "example": f"{Note.NOT_FOR_DIAGNOSIS}",
    }
}
MODEL: Json = {
    "X-Model": {
        "description": "Name of the model that was used.",
        "required": True,
        "schema": {"type": "string"},
        "example": "unet",
    }
}
SIGMA: Json = {
    "X-Noise-Sigma": {
        "description": (
            "Estimated standard deviation of the noise that was found, 0..1, over the whole "
            "image. Accurate to 10% for Gaussian noise of 0.1 and above, and for 9 in 10 images at "
            "0.04; to 15% for 14 of 15 camera images. Close to 0 for a clean image; not "
            "meaningful for an image that is all texture."
        ),
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
        "example": 0.0983,
    }
}
RANGE: Json = {
    "X-Range": {
        "description": (
            "The values of the image, as stored, that the model saw as 0 and 1: the lower first, "
            "unless white is stored as the least. X-Noise-Sigma is a fraction of their difference."
        ),
        "required": True,
        "schema": {"type": "string", "pattern": "^[-+.0-9e]+:[-+.0-9e]+$"},
        "example": "96:4095",
    }
}
TRANSFER: Json = {
    "X-Transfer": {
        "description": (
            "Whether the samples were treated as `linear`, proportional to light, or as "
            "`perceptual`. For linear ones, X-Noise-Sigma refers to the perceptual encoding that "
            "the model saw."
        ),
        "required": True,
        "schema": {"type": "string", "enum": ["linear", "perceptual"]},
        "example": "perceptual",
    }
}
SEED: Json = {
    "X-Noise-Seed": {
        "description": "The seed of the noise: the given one, or the one drawn at random.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    }
}
RETRY_AFTER: Json = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 3,
    }
}
LOCATION: Json = {
    "Location": {
        "description": "The address of the job.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/jobs/0-mtwG5iRsXcYlBc0JdMfWvA",
    }
}

CHALLENGE: Json = {
    "WWW-Authenticate": {
        "description": "How to send a key.",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Bearer realm="denoiser"',
    }
}
EXPOSED_HEADERS = (
    *(COMMON_HEADERS | CHANGES | NOTES | MODEL | SIGMA | RANGE | TRANSFER | SEED | LOCATION),
    *(RETRY_AFTER | CHALLENGE),
    "Content-Disposition",
)
"""Response headers that pages of other origins may read, if they may call the service at all."""

KEY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
ACCEPT_ENCODING: Json = {
    "Accept-Encoding": {
        "description": "The accepted content encodings, for code `unsupported-encoding`.",
        "schema": {"type": "string"},
        "example": "identity",
    }
}
STATUS_HEADERS: dict[int, Json] = {
    401: CHALLENGE,
    415: ACCEPT_ENCODING,
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}

_BINARY: Json = {"type": "string", "format": "binary"}


def upload(*fields: str, raw: bool = True) -> Json:
    """Return the request body: a form with the given fields and, if `raw`, an image alone.

    Such a form may also contain parameters; anything else in it is ignored.
    """
    names = fields or ("image",)
    form = {
        "type": "object",
        "properties": {name: _BINARY | {"description": "An image file."} for name in names},
        "required": list(names),
    }
    if raw:
        form["description"] = (
            "The image may be in a field of another name, if it is the only file. Parameters of "
            "the query may be fields instead; if a parameter is in both, the values must agree. "
            "Other fields are ignored."
        )
    content: Json = {"multipart/form-data": {"schema": form}}
    if raw:
        kinds = (*formats.media_types(), "application/octet-stream")
        content |= {media_type: {"schema": _BINARY} for media_type in kinds}
    return {"requestBody": {"required": True, "content": content}}


def picture(description: str, *headers: Json, **links: Json) -> Responses:
    """Return the 200 response with an image in any of the formats that are written."""
    disposition = {
        "description": "A file name to save the image under.",
        "schema": {"type": "string"},
        "example": 'inline; filename="denoised.png"',
    }
    all_headers = COMMON_HEADERS | CHANGES | NOTES | {"Content-Disposition": disposition}
    for header in headers:
        all_headers |= header
    content = {target.media_type: {"schema": _BINARY} for target in formats.written()}
    found = {"description": description, "headers": all_headers, "content": content}
    return {200: found | {"links": links}}


def denoised(description: str) -> Responses:
    """Return the 200 response with a denoised image."""
    describe = link("describe_model", "The model's card.", name="$response.header.X-Model")
    return picture(description, MODEL, SIGMA, RANGE, TRANSFER, describe=describe)


def answer(description: str, **links: Json) -> Responses:
    """Return the 200 response with JSON of the endpoint's type, and its links."""
    return {200: {"description": description, "headers": COMMON_HEADERS, "links": links}}


def accepted(description: str, **links: Json) -> Responses:
    """Return the 202 response with JSON of the endpoint's type, and its links."""
    return {202: {"description": description, "headers": COMMON_HEADERS | LOCATION, "links": links}}


def no_content(description: str) -> Responses:
    """Return the 204 response."""
    return {204: {"description": description, "headers": COMMON_HEADERS}}


def events(description: str, **links: Json) -> Responses:
    """Return the 200 response with JSON of the endpoint's type, or server-sent events of it."""
    found = answer(description, **links)
    found[200]["content"] = {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": 'data: {"id":"0-mtwG5iRsXcYlBc0JdMfWvA","state":"done","percent":100}\n\n',
        }
    }
    return found


def link(operation: str, description: str, **parameters: str) -> Json:
    """Return a link: a part of a response that is a parameter of another operation."""
    return {"operationId": operation, "description": description, "parameters": parameters}


def text(description: str, *media_types: str) -> Responses:
    """Return the 200 response with text of one of these types."""
    content = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {200: {"description": description, "headers": COMMON_HEADERS, "content": content}}


def problems(*statuses: int) -> Responses:
    """Return the errors with these statuses, with an example of each kind."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> Json:
    phrase = HTTPStatus(status).phrase
    examples = {}
    for code, row in with_status(status).items():
        detail, errors = row.detail(**row.example), None
        if code == "validation":
            name, _, message = detail.partition(": ")
            errors = [InvalidPart(location="query", name=name, detail=message)]
        example = Problem(
            title=phrase,
            status=status,
            detail=detail,
            code=code,
            request_id=REQUEST_ID,
            errors=errors,
        )
        value = example.model_dump(mode="json", by_alias=True, exclude_none=True)
        examples[code] = {"summary": detail, "value": value}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": phrase,
        "headers": COMMON_HEADERS | STATUS_HEADERS.get(status, {}),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def complete(app: FastAPI, *, keys: bool) -> None:
    """Build the description, with the schema of problems, which no endpoint returns.

    `keys` says whether there are API keys.
    """
    _, definitions = models_json_schema(
        [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )
    description = app.openapi()
    description["components"]["schemas"] |= definitions["$defs"]
    if keys:
        description["components"]["securitySchemes"] = KEY_SCHEMES
    refusals = problems(*([401] if keys else []), 429)
    for path, methods in description["paths"].items():
        if is_open(path):
            continue
        for operation in methods.values():
            operation["responses"] |= {str(status): refusals[status] for status in refusals}
            if keys:
                operation["security"] = [{name: []} for name in KEY_SCHEMES]
