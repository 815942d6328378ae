"""GET /health/live, /health/ready and /metrics."""

from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from app.api import openapi
from app.api.schemas import Health
from app.api.service import ServiceOf

router = APIRouter(tags=["operation"])


@router.get(
    "/health/live",
    summary="Tell whether the process runs",
    responses=openapi.answer("The process runs.") | openapi.problems(500),
)
async def health_live() -> Health:
    """Answers 200 as long as the event loop turns."""
    return Health(status="live")


@router.get(
    "/health/ready",
    summary="Tell whether requests are served",
    responses=openapi.answer("All models are loaded and warm.") | openapi.problems(500, 503),
)
async def health_ready(service: ServiceOf) -> Health:
    """Answers 503 until all models are loaded and warm, and again while the service stops."""
    service.models.require_ready()
    return Health(status="ready")


@router.get(
    "/metrics",
    summary="Measure the service, for Prometheus",
    response_class=Response,
    responses=openapi.text("All metrics.", "text/plain", "application/openmetrics-text")
    | openapi.problems(500),
)
async def metrics(request: Request, service: ServiceOf) -> Response:
    """Answers in the format that the Accept header asks for."""
    service.metrics.publish()
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    body = encode(service.metrics.registry)
    return Response(body, headers={"Content-Type": media_type, "Vary": "Accept"})
