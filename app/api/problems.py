"""RFC 9457 problem details: how clients are told what went wrong."""

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.catalogue import CATALOGUE, Code

MEDIA_TYPE = "application/problem+json"


class InvalidPart(BaseModel):
    """One invalid part of a request."""

    model_config = ConfigDict(populate_by_name=True)

    location: Literal["query", "path", "header", "body"] = Field(alias="in")
    name: str = Field(description="The parameter or form field.")
    detail: str


class Problem(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: Literal["about:blank"] = "about:blank"
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What went wrong with this request, and what to do about it.")
    code: Code = Field(description="What went wrong, for programs.")
    request_id: str = Field(description="As in X-Request-ID, and in the service's log.")
    errors: list[InvalidPart] | None = Field(
        default=None, description="Each invalid parameter or field, for code `validation`."
    )

    def as_json(self) -> dict[str, Any]:
        """Return the body of the response."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ProblemError(Exception):
    """End a request with a problem; `retry_after`, in seconds, is rounded up, to at least 1."""

    def __init__(
        self,
        status: int,
        code: Code,
        detail: str,
        *,
        retry_after: float | None = None,
        errors: list[InvalidPart] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.errors = status, code, detail, errors
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    def describe(self, request_id: str) -> Problem:
        """Return the problem as the response to that request states it."""
        return Problem(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            request_id=request_id,
            errors=self.errors,
        )


def problem(
    code: Code,
    *,
    retry_after: float | None = None,
    errors: list[InvalidPart] | None = None,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> ProblemError:
    """Return a problem of the catalogue; raise KeyError if a field of its text is missing."""
    row = CATALOGUE[code]
    return ProblemError(
        row.status,
        code,
        row.detail(**fields),
        retry_after=retry_after,
        errors=errors,
        headers=headers,
    )


def invalid(errors: Iterable[Any], place: tuple[str, ...] = ()) -> ProblemError:
    """Return the 422 problem for the errors that pydantic lists.

    `place` says where the invalid fields are, unless the errors do. Each invalid optional value is
    also reported for not being None, which is left out.
    """
    return _invalid(
        InvalidPart(location=where[0], name=where[1], detail=_detail_of(entry))
        for entry in errors
        if entry["type"] != "none_required"
        for where in [(*place, *entry["loc"])]
    )


def invalid_fields(error: ValidationError) -> ProblemError:
    """Return the 422 problem for form fields with invalid values."""
    return invalid(error.errors(), ("body",))


def invalid_body(name: str, detail: str) -> ProblemError:
    """Return the 422 problem for a form field that is missing, unknown or repeated."""
    part = InvalidPart(location="body", name=name, detail=detail)
    return problem("validation", errors=[part], reason=detail)


def invalid_query(repeated: Iterable[str]) -> ProblemError:
    """Return the 422 problem for parameters that a query has more than once."""
    detail = "It is there more than once, and only one value can be meant."
    return _invalid(InvalidPart(location="query", name=name, detail=detail) for name in repeated)


def _invalid(parts: Iterable[InvalidPart]) -> ProblemError:
    found = list(parts)
    reason = " ".join(f"{part.name}: {part.detail}" for part in found)
    return problem("validation", errors=found, reason=reason)


def _detail_of(entry: Any) -> str:
    if entry["type"] == "extra_forbidden":
        return "There is no such parameter; /docs lists them."
    return f"{entry['msg'].removeprefix('Value error, ').removesuffix('.')}."
