"""The response to a request that does not reach the application."""

from http import HTTPStatus

from app.api.middleware.headers import SECURITY_HEADERS
from app.api.problems import MEDIA_TYPE, Problem, ProblemError


def response_to(refusal: ProblemError, request_id: str) -> bytes:
    """Return a problem as a whole response, after which the connection is closed."""
    status = refusal.status
    title = HTTPStatus(status).phrase
    answer = Problem(
        title=title,
        status=status,
        detail=refusal.detail,
        code=refusal.code,
        request_id=request_id,
    )
    body = answer.model_dump_json(exclude_none=True).encode()
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **SECURITY_HEADERS,
    }
    lines = [f"HTTP/1.1 {status} {title}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body
