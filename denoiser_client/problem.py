"""The error that the service responds with when it does not serve a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx


class Problem(Exception):
    """A request that was not served; docs/problems.md lists the codes.

    Attributes:
        status: the HTTP status, 400 to 599.
        code: the kind of problem, for programs, such as `too-many-pixels`; `http-502` or the like
            if the response comes from a proxy in between, or from another service altogether.
        detail: what went wrong, and what to do about it.
        request_id: the id under which the service has logged the request.
        retry_after: seconds after which the same request may succeed, if known.

    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{detail} ({code})")
        self.status, self.code, self.detail = status, code, detail
        self.request_id, self.retry_after = request_id, retry_after


def problem_of(response: httpx.Response) -> Problem:
    """Return the problem described by a response."""
    status = response.status_code
    retry_after = response.headers.get("retry-after", "")
    found = _members(response)
    return Problem(
        status,
        str(found.get("code", f"http-{status}")),
        str(found.get("detail") or _phrase(status)),
        request_id=response.headers.get("x-request-id"),
        retry_after=float(retry_after) if retry_after.isdecimal() else None,
    )


@contextmanager
def understanding(response: httpx.Response) -> Iterator[None]:
    """Raise Problem if a response cannot be parsed, as it may come from another server."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise strange(response) from error


def strange(response: httpx.Response) -> Problem:
    """Return the problem for a response that is not one of this service."""
    status, kind = response.status_code, response.headers.get("content-type", "of no type")
    detail = f"The response, {kind}, is not one of this service; {response.url} may be wrong."
    return Problem(status, f"http-{status}", detail)


def _members(response: httpx.Response) -> dict[str, object]:
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return {}
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "The request failed."
