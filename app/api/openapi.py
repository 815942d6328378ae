"""The parts of the OpenAPI description that cannot be read off the endpoints' signatures."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.api.catalogue import with_status
from app.api.middleware.access import is_open
from app.api.problems import MEDIA_TYPE, InvalidPart, Problem
from app.imaging import formats
from app.imaging.codec import Change

Json = dict[str, Any]
Responses = dict[int | str, Json]

REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

_CHANGE = "|".join(Change)

COMMON_HEADERS: Json = {
    "X-Request-ID": {
        "description": "The caller's X-Request-ID, or one that was made up; it is in the log.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "Server-Timing": {
        "description": "Milliseconds in decode, queue, infer, encode, and in total.",
        "schema": {"type": "string"},
        "example": "decode;dur=1.4, queue;dur=0.3, infer;dur=16.2, encode;dur=4.9, total;dur=23.5",
    },
}
CHANGES: Json = {
    "X-Image-Changes": {
        "description": (
            "What the answer holds otherwise than the upload did, or not at all: a list of "
            f"{', '.join(f'`{change}`' for change in Change)}. "
            "Absent where nothing but the samples has changed."
        ),
        "schema": {
            "type": "string",
            "pattern": f"^({_CHANGE})(, ({_CHANGE}))*$",
        },
        "example": f"{Change.DEPTH}, {Change.METADATA}",
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
            "picture. Good to 10% for Gaussian noise of 0.1 and above, and for 9 pictures in 10 at "
            "0.04; to 15% for 14 of 15 camera pictures. Next to 0 for a clean picture; one that "
            "is all texture has no such value."
        ),
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
        "example": 0.0983,
    }
}
RANGE: Json = {
    "X-Range": {
        "description": (
            "The values of the picture that the model was given as 0 and 1, least first. "
            "X-Noise-Sigma is in units of their difference."
        ),
        "required": True,
        "schema": {"type": "string", "pattern": "^[-+.0-9e]+:[-+.0-9e]+$"},
        "example": "96:4095",
    }
}
TRANSFER: Json = {
    "X-Transfer": {
        "description": (
            "Whether the samples were taken to be `linear`, in proportion to light, or as they are "
            "looked at. X-Noise-Sigma is of linear ones as the model was given them, in a "
            "perceptual encoding."
        ),
        "required": True,
        "schema": {"type": "string", "enum": ["linear", "perceptual"]},
        "example": "perceptual",
    }
}
SEED: Json = {
    "X-Noise-Seed": {
        "description": "The seed of the noise: as given, or as drawn.",
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
    *(COMMON_HEADERS | CHANGES | MODEL | SIGMA | RANGE | TRANSFER | SEED | LOCATION),
    *(RETRY_AFTER | CHALLENGE),
    "Content-Disposition",
)
"""Those that a page of another origin may read, where it may call the service at all."""

KEY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
ACCEPT_ENCODING: Json = {
    "Accept-Encoding": {
        "description": "What may be sent in place of a compressed body: with that code alone.",
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
    """The request body: a form with the given fields and, where `raw`, an image alone.

    Such a form may have parameters, too, and what it has besides is passed over.
    """
    names = fields or ("image",)
    form = {
        "type": "object",
        "properties": {name: _BINARY | {"description": "An image file."} for name in names},
        "required": list(names),
    }
    if raw:
        form["description"] = (
            "The picture may be in a field of another name, if it is the only file. Parameters of "
            "the query may be fields instead, with the same value if they are both; other fields "
            "are ignored."
        )
    content: Json = {"multipart/form-data": {"schema": form}}
    if raw:
        kinds = (*formats.media_types(), "application/octet-stream")
        content |= {media_type: {"schema": _BINARY} for media_type in kinds}
    return {"requestBody": {"required": True, "content": content}}


def picture(description: str, *headers: Json, **links: Json) -> Responses:
    """The 200 with a picture in any of the formats that are written."""
    disposition = {
        "description": "A name to save the picture under.",
        "schema": {"type": "string"},
        "example": 'inline; filename="denoised.png"',
    }
    all_headers = COMMON_HEADERS | CHANGES | {"Content-Disposition": disposition}
    for header in headers:
        all_headers |= header
    content = {target.media_type: {"schema": _BINARY} for target in formats.written()}
    found = {"description": description, "headers": all_headers, "content": content}
    return {200: found | {"links": links}}


def denoised(description: str) -> Responses:
    """The 200 with a denoised picture."""
    describe = link("describe_model", "The model's card.", name="$response.header.X-Model")
    return picture(description, MODEL, SIGMA, RANGE, TRANSFER, describe=describe)


def answer(description: str, **links: Json) -> Responses:
    """The 200 with JSON that the endpoint's own type describes, and what to do with it."""
    return {200: {"description": description, "headers": COMMON_HEADERS, "links": links}}


def accepted(description: str, **links: Json) -> Responses:
    """The 202 with JSON that the endpoint's own type describes, and where to ask on."""
    return {202: {"description": description, "headers": COMMON_HEADERS | LOCATION, "links": links}}


def no_content(description: str) -> Responses:
    """The 204."""
    return {204: {"description": description, "headers": COMMON_HEADERS}}


def events(description: str, **links: Json) -> Responses:
    """The 200 with JSON of the endpoint's own type, or with server-sent events of it."""
    found = answer(description, **links)
    found[200]["content"] = {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": 'data: {"id":"0-mtwG5iRsXcYlBc0JdMfWvA","state":"done","percent":100}\n\n',
        }
    }
    return found


def link(operation: str, description: str, **parameters: str) -> Json:
    """What a part of an answer is good for: a parameter of another operation."""
    return {"operationId": operation, "description": description, "parameters": parameters}


def text(description: str, *media_types: str) -> Responses:
    """The 200 with text of one of these types."""
    content = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {200: {"description": description, "headers": COMMON_HEADERS, "content": content}}


def problems(*statuses: int) -> Responses:
    """The errors with these statuses, with an example of each kind."""
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


def complete(app: FastAPI, *, keys: bool, rate: bool) -> None:
    """Builds the description, with the schema of problems, that no endpoint returns.

    `keys` and `rate` say whether there are API keys and a limit on the rate of requests.
    """
    _, definitions = models_json_schema(
        [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )
    description = app.openapi()
    description["components"]["schemas"] |= definitions["$defs"]
    if keys:
        description["components"]["securitySchemes"] = KEY_SCHEMES
    refusals = problems(*([401] if keys else []), *([429] if rate else []))
    for path, methods in description["paths"].items():
        if is_open(path):
            continue
        for operation in methods.values():
            operation["responses"] |= {str(status): refusals[status] for status in refusals}
            if keys:
                operation["security"] = [{name: []} for name in KEY_SCHEMES]
