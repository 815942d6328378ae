"""Limit the fields of a query string, as ASGI middleware."""

from collections import Counter
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.handlers import problem_response
from app.api.middleware.access import is_open
from app.api.problems import ProblemError, invalid_query, problem

MAX_FIELDS = 100
"""Far more than there are parameters; every unknown one takes time to refuse."""


class QueryLimit:
    """Respond with 400 to a query of more than MAX_FIELDS fields, and with 422 to one that repeats
    a field: no parameter takes several values, so it is unclear which one is meant.

    Pages and health checks take no parameters, and ignore the query.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless its query is refused."""
        refusal = _refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await problem_response(Request(scope), refusal)(scope, receive, send)


def _refusal(scope: Scope) -> ProblemError | None:
    query: bytes = scope["query_string"]
    if query.count(b"&") >= MAX_FIELDS:
        return problem("bad-request", reason=f"The query has more than {MAX_FIELDS} fields.")
    fields = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    twice = [name for name, count in fields.items() if count > 1]
    return invalid_query(twice) if twice and not is_open(scope["path"]) else None
