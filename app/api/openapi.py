"""The parts of the OpenAPI description that do not follow from the endpoints' signatures."""

from http import HTTPStatus

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.api.catalogue import with_status
from app.api.headers import REQUEST_ID, STATUS_HEADERS, Json, headers
from app.api.middleware.access import is_open
from app.api.problems import MEDIA_TYPE, InvalidPart, Problem, problem
from app.imaging import formats

Responses = dict[int | str, Json]

KEY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_BINARY: Json = {"type": "string", "format": "binary"}


def upload(*fields: str, raw: bool = True) -> Json:
    """Return the request body: a form with the given fields and, if `raw`, an image alone.

    With `raw`, the form may also contain parameters; anything else in it is ignored.
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


def picture(description: str, *names: str, **links: Json) -> Responses:
    """Return the 200 response with an image in any of the formats that are written.

    `names` are those of further headers.
    """
    own = ("X-Image-Changes", "X-Image-Notes", "Content-Disposition")
    content = {target.media_type: {"schema": _BINARY} for target in formats.written()}
    found = {"description": description, "headers": headers(*own, *names), "content": content}
    return {200: found | {"links": links}}


def denoised(description: str) -> Responses:
    """Return the 200 response with a denoised image."""
    describe = link("describe_model", "The model's card.", name="$response.header.X-Model")
    names = ("X-Model", "X-Noise-Sigma", "X-Range", "X-Transfer")
    return picture(description, *names, describe=describe)


def answer(description: str, **links: Json) -> Responses:
    """Return the 200 response with JSON of the endpoint's type, and its links."""
    return {200: {"description": description, "headers": headers(), "links": links}}


def accepted(description: str, **links: Json) -> Responses:
    """Return the 202 response with JSON of the endpoint's type, and its links."""
    return {202: {"description": description, "headers": headers("Location"), "links": links}}


def no_content(description: str) -> Responses:
    """Return the 204 response."""
    return {204: {"description": description, "headers": headers()}}


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
    """Return a link, by which part of a response becomes a parameter of another operation."""
    return {"operationId": operation, "description": description, "parameters": parameters}


def text(description: str, *media_types: str) -> Responses:
    """Return the 200 response with text of one of these media types."""
    content = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {200: {"description": description, "headers": headers(), "content": content}}


def problems(*statuses: int) -> Responses:
    """Return the error responses with these statuses, with an example of each code."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> Json:
    examples = {}
    for code, row in with_status(status).items():
        example = problem(code, **row.example)
        if code == "validation":
            name, _, message = example.detail.partition(": ")
            example.errors = [InvalidPart(location="query", name=name, detail=message)]
        value = example.describe(REQUEST_ID).as_json()
        examples[code] = {"summary": example.detail, "value": value}
    schema = {"$ref": "#/components/schemas/Problem"}
    own = [STATUS_HEADERS[status]] if status in STATUS_HEADERS else []
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers(*own),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def complete(app: FastAPI, *, keys: bool) -> None:
    """Build the description, and add the schema of problems, which no endpoint declares.

    `keys` says whether API keys are required.
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
