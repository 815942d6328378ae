"""The pages /docs and /redoc, with Swagger UI and ReDoc served locally, not from a CDN."""

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

ASSETS = "/docs-assets"
FILES = Path(str(files("fastapi_offline") / "static"))

REDOC = "redoc.standalone.js"
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
"""A logo that ReDoc always requests from another host, whatever its options."""


def add_docs(app: FastAPI) -> None:
    """Add the two pages and the files they need."""
    openapi_url = str(app.openapi_url)
    swagger = _page(
        get_swagger_ui_html(
            openapi_url=openapi_url,
            title=f"{app.title}: API",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url="/static/icon.svg",
        )
    )
    redoc = _page(
        get_redoc_html(
            openapi_url=openapi_url,
            title=f"{app.title}: API reference",
            redoc_js_url=f"{ASSETS}/{REDOC}",
            redoc_favicon_url="/static/icon.svg",
            with_google_fonts=False,
        )
    )
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/docs", lambda: swagger, methods=["GET"], name="swagger")
    router.add_api_route("/redoc", lambda: redoc, methods=["GET"], name="redoc")
    router.add_api_route(f"{ASSETS}/{REDOC}", _redoc_script, methods=["GET"])
    app.include_router(router)
    # Only the files of the package are used: its code would replace the whole application.
    app.mount(ASSETS, StaticFiles(directory=FILES))


def _redoc_script() -> Response:
    script = (FILES / REDOC).read_bytes().replace(REDOC_LOGO, b"data:,")
    return Response(script, media_type="text/javascript")


def _page(page: HTMLResponse) -> HTMLResponse:
    """Return the page with a content security policy that allows its inline script by its hash."""
    html = bytes(page.body).decode()
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()) for script in scripts]
    allowed = "".join(f" 'sha256-{digest.decode()}'" for digest in hashes)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'self'; script-src 'self'{allowed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' blob: data:; worker-src blob:; "
        "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    )
    return page
