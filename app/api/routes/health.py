"""GET /health/live and /health/ready."""

from fastapi import APIRouter

from app.api import openapi
from app.api.dependencies import ServiceOf
from app.api.schemas import Health

router = APIRouter(tags=["operation"])


@router.get(
    "/health/live",
    summary="Check whether the process works",
    responses=openapi.answer("The process works.") | openapi.problems(500, 503),
)
async def health_live(service: ServiceOf) -> Health:
    """Return 200 while the event loop runs, and 503 once only a restart can help."""
    service.require_live()
    return Health(status="live")


@router.get(
    "/health/ready",
    summary="Check whether requests are served",
    responses=openapi.answer("All models are loaded and warm.") | openapi.problems(500, 503),
)
async def health_ready(service: ServiceOf) -> Health:
    """Return 503 until all models are loaded and warm, while one fails, and while draining."""
    service.require_ready()
    return Health(status="ready")
