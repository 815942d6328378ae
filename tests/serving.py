"""Servers that run in a thread of the tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def running(server: uvicorn.Server, *, force: bool = False) -> Iterator[Any]:
    """Yields the address that the server listens on; with `force`, it ends without waiting."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit, server.force_exit = True, force
        thread.join()
