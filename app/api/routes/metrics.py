"""GET /metrics."""

from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from app.api import openapi
from app.api.dependencies import ServiceOf

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics",
    summary="Return metrics for Prometheus",
    response_class=Response,
    responses=openapi.text("All metrics.", "text/plain", "application/openmetrics-text")
    | openapi.problems(500),
)
async def metrics(request: Request, service: ServiceOf) -> Response:
    """Return the metrics in the format that the Accept header asks for."""
    service.metrics.publish()
    try:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
    except TypeError:  # it asks for a version that is no number
        encode, media_type = choose_encoder("")
    body = encode(service.metrics.registry)
    return Response(body, headers={"Content-Type": media_type, "Vary": "Accept"})
