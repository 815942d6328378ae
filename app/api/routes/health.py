"""GET /health/live and /health/ready."""

from fastapi import APIRouter

from app.api import openapi
from app.api.dependencies import ServiceOf
from app.api.schemas import Health

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
    """Answers 503 until all models are loaded and warm, while one fails, and when it stops."""
    service.models.require_ready()
    return Health(status="ready")
