"""GET / and /about-models, the web pages."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).resolve().parents[2] / "web"
STATIC = WEB / "static"

router = APIRouter(include_in_schema=False)
_pages = StaticFiles(directory=WEB)


@router.get("/")
async def page(request: Request) -> Response:
    """Return the page; what it loads is below /static."""
    return await _pages.get_response("index.html", request.scope)


@router.get("/about-models")
async def about_models(request: Request) -> Response:
    """Return the page about the models: the cards of /models, for people."""
    return await _pages.get_response("about-models.html", request.scope)
