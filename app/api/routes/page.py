"""GET /, the web page."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

WEB = Path(__file__).resolve().parents[2] / "web"
STATIC = WEB / "static"

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page() -> FileResponse:
    """Return the page; what it loads is below /static."""
    return FileResponse(WEB / "index.html")
