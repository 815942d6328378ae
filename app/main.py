"""Assemble the service as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from app.api import openapi
from app.api.docs import add_docs
from app.api.handlers import HANDLERS
from app.api.headers import EXPOSED
from app.api.middleware.access import Access
from app.api.middleware.body import BodyLimit
from app.api.middleware.head import Head
from app.api.middleware.headers import SecurityHeaders
from app.api.middleware.observe import Observe
from app.api.middleware.query import QueryLimit
from app.api.middleware.ranges import NoRanges
from app.api.routes import health, images, jobs, metrics, models, page
from app.service.service import Service
from app.settings import Settings

DESCRIPTION = """\
Removes noise from images with a convolutional network.

Send an image as the form field `image`, or as the request body:

    curl -F image=@photo.jpg localhost:8000/denoise -o denoised.jpg
    curl --data-binary @photo.png -H 'Content-Type: image/png' \\
        'localhost:8000/noise?factor=0.4&seed=1' -o noisy.png

Errors are problem details (RFC 9457): `code` is the kind of problem, `detail` explains it.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the ASGI application; settings come from the environment unless given."""
    service = Service.create(settings or Settings())
    limits = service.settings
    app = FastAPI(
        title="Denoiser",
        version=version("denoiser"),
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if limits.docs else None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        middleware=[
            Middleware(BodyLimit, max_bytes=limits.max_body_bytes, seconds=limits.body_seconds),
            Middleware(SecurityHeaders),
            Middleware(Observe, metrics=service.metrics),
            *_cors(limits),
            Middleware(
                Access,
                hashes=limits.api_keys,
                per_minute=limits.rate_per_minute,
                at_once=limits.max_requests_per_address,
            ),
            Middleware(QueryLimit),
            Middleware(NoRanges),
            Middleware(Head),
        ],
        exception_handlers=HANDLERS,
    )
    app.state.service = service
    for module in (images, jobs, models, health, page):
        app.include_router(module.router)
    if limits.metrics:
        app.include_router(metrics.router)
    app.mount("/static", StaticFiles(directory=page.STATIC))
    if limits.docs:
        add_docs(app)
    openapi.complete(app, keys=bool(limits.api_keys))
    return app


def _cors(settings: Settings) -> list[Middleware]:
    """Return the CORS middleware, if there are origins to allow."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "X-Request-ID"),
            expose_headers=EXPOSED,
        )
    ]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the service; its models are loaded while the socket is already open."""
    service: Service = app.state.service
    async with service.running():
        yield
