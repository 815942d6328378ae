"""The servers that are compared: this service, and others, each in two forms."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.service import COMMAND, PORT

COMPILED = ", network compiled"
OURS = "denoiser"


@dataclass(frozen=True)
class Server:
    """A way to serve the model."""

    name: str
    command: tuple[str, ...]
    ready: str
    needs: str
    """The package that it cannot do without."""
    json: bool = False
    """Whether pictures must come in JSON."""


def rivals() -> Iterator[Server]:
    """Each with the network as documented, and then compiled."""
    for name, module, ready, needs in (
        ("FastAPI", "plain", "/health", "fastapi"),
        ("LitServe", "lit", "/health", "litserve"),
        ("Ray Serve", "ray_serve", "/-/healthz", "ray"),
    ):
        command = (sys.executable, "-m", f"benchmarks.rivals.{module}", str(PORT))
        yield Server(name, command, ready, needs, json=needs == "litserve")
        compiled = (*command, "compiled")
        yield Server(f"{name}{COMPILED}", compiled, ready, needs, json=needs == "litserve")


SERVERS = (Server(OURS, COMMAND, "/health/ready", "denoiser"), *rivals())
