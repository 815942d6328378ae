"""Ray Serve with its dynamic batching: one replica, decoding and encoding in its threads.

python -m benchmarks.rivals.ray_serve PORT [compiled]
"""

import asyncio
import signal
import sys

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from app.imaging.picture import Picture
from app.imaging.scale import Pixels
from benchmarks.rivals.model import Model, read, write

BATCH = 8
WAIT = 0.005


class Denoise:
    """The model and its batches."""

    def __init__(self, compiled: bool) -> None:
        self.model = Model(compiled)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
    async def infer(self, pictures: list[Picture]) -> list[Pixels]:
        """Return all that were collected."""
        return await asyncio.to_thread(self.model.denoise, [p.pixels for p in pictures])

    async def __call__(self, request: Request) -> Response:
        """Return one request."""
        picture = await asyncio.to_thread(read, await request.body())
        restored = await self.infer(picture)
        content, media_type = await asyncio.to_thread(write, picture, restored)
        return Response(content, media_type=media_type)


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    deployment = serve.deployment(num_replicas=1, max_ongoing_requests=128)(Denoise)
    serve.run(deployment.bind("compiled" in sys.argv), route_prefix="/denoise")
    signal.pause()
