"""Limit the fields of a query, as ASGI middleware."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem, problem_response

MAX_FIELDS = 100
"""Far more than there are parameters; refusing each unknown one takes time."""


class QueryLimit:
    """Respond with 400 to a query with more than MAX_FIELDS fields."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless its query has too many fields."""
        if scope["type"] == "http" and scope["query_string"].count(b"&") >= MAX_FIELDS:
            refusal = problem("bad-request", reason=f"The query has more than {MAX_FIELDS} fields.")
            await problem_response(Request(scope), refusal)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
