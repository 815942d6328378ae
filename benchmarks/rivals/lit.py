"""LitServe with its dynamic batching; its worker decodes and encodes, as it suggests.

python -m benchmarks.rivals.lit PORT [compiled]
"""

import base64
import sys
from typing import Any

import litserve as ls
from fastapi import Response

from app.imaging.picture import Picture
from app.imaging.scale import Pixels
from benchmarks.rivals.model import Model, read, write

BATCH = 8
WAIT = 0.005


class Denoise(ls.LitAPI):
    """The steps that LitServe asks for."""

    compiled = "compiled" in sys.argv

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Once in each worker."""
        self.model = Model(self.compiled)

    def decode_request(self, request: dict[str, str]) -> Picture:
        """From JSON, the way its examples send pictures."""
        return read(base64.b64decode(request["image"]))

    def batch(self, inputs: list[Picture]) -> list[Picture]:
        """Pictures differ in size: they stay a list."""
        return inputs

    def predict(self, x: list[Picture]) -> list[tuple[Picture, Pixels]]:
        """Return all that were collected."""
        return list(zip(x, self.model.denoise([p.pixels for p in x]), strict=True))

    def unbatch(self, output: Any) -> Any:
        """Return one by one."""
        return output

    def encode_response(self, output: tuple[Picture, Pixels]) -> Response:
        """As a file."""
        content, media_type = write(*output)
        return Response(content, media_type=media_type)


if __name__ == "__main__":
    api = Denoise(api_path="/denoise", max_batch_size=BATCH, batch_timeout=WAIT)
    ls.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120).run(
        port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )
