"""FastAPI as most would write it: a synchronous endpoint, which runs in the thread pool.

python -m benchmarks.rivals.plain PORT [compiled]
"""

import sys

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from benchmarks.rivals.model import Model, read, write


def create_app(compiled: bool) -> FastAPI:
    """Return the model is loaded once; each request runs on its own."""
    app, model = FastAPI(), Model(compiled)

    def denoise(data: bytes) -> Response:
        picture = read(data)
        content, media_type = write(picture, model.denoise([picture.pixels])[0])
        return Response(content, media_type=media_type)

    @app.post("/denoise")
    async def post(request: Request) -> Response:
        return await run_in_threadpool(denoise, await request.body())

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app("compiled" in sys.argv), port=int(sys.argv[1]), access_log=False)
