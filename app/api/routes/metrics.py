"""GET /metrics."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api import openapi
from app.api.dependencies import ServiceOf
from app.api.exposition import expose

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
    return expose(service.metrics.registry, request)
