"""A sandbox, pictures for it, and a look at its processes."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from app.imaging.codec import encode
from app.imaging.picture import Format, Metadata, Picture
from app.sandbox.pool import SPAWNER, Sandbox

LIMITS = {"max_pixels": 10**8, "max_side": 10**5}


def picture(height=40, width=50, channels=3, dtype=np.uint8, alpha=False, **more):
    random = np.random.default_rng(1)
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    samples = (random.random((height, width, channels + alpha)) * top).astype(dtype)
    pixels = np.ascontiguousarray(samples[..., :channels])
    return Picture(pixels, np.ascontiguousarray(samples[..., -1]) if alpha else None, **more)


def png(*size):
    return encode(picture(*size), Format.PNG).data


def workers():
    """The processes that are forked from the fork server."""
    if not SPAWNER.pid:
        return []
    children = Path(f"/proc/{SPAWNER.pid}/task/{SPAWNER.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def sandbox(anyio_backend):
    sandbox = Sandbox(2)
    async with sandbox.worker() as worker:
        await worker.read(png())
    yield sandbox
    sandbox.close()


METADATA = Metadata(
    icc=b"\0profile" * 50, exif=b"", dpi=(72.0, 300.5), colour=(b"a", b"\xff"), native=(b"",)
)
