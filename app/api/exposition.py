"""Metrics in the text formats of Prometheus and OpenMetrics."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import ProblemError


def expose(registry: CollectorRegistry, request: Request) -> Response:
    """Return the metrics in the format that the Accept header asks for."""
    try:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
    except TypeError:  # the header asks for a version that is not a number
        encode, media_type = choose_encoder("")
    return Response(encode(registry), headers={"Content-Type": media_type, "Vary": "Accept"})


def metrics_app(registry: CollectorRegistry) -> ASGIApp:
    """Return an application that answers every request with the metrics.

    Any body is read first, so that a limit on bodies applies.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            await request.body()
            response = expose(registry, request)
        except ProblemError as error:
            response = PlainTextResponse(error.detail, error.status)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    return app
