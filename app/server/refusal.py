"""The response to a request that does not reach the application."""

from app.api.middleware.headers import SECURITY_HEADERS
from app.api.problems import MEDIA_TYPE, ProblemError


def response_to(refusal: ProblemError, request_id: str) -> bytes:
    """Return a problem as a whole response, after which the connection is closed."""
    problem = refusal.describe(request_id)
    body = problem.model_dump_json(by_alias=True, exclude_none=True).encode()
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **SECURITY_HEADERS,
    }
    fields = (f"{name}: {value}" for name, value in headers.items())
    lines = [f"HTTP/1.1 {problem.status} {problem.title}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body
