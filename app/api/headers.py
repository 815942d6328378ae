"""The headers of responses, as OpenAPI describes them."""

from collections.abc import Mapping
from typing import Any

from app.imaging.picture import Change, Note

Json = dict[str, Any]

REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
"""The request id of all examples."""

_CHANGE, _NOTE = "|".join(Change), "|".join(Note)

HEADERS: Mapping[str, Json] = {
    "X-Request-ID": {
        "description": "The X-Request-ID of the request, or a generated one; it is in the log.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "Server-Timing": {
        "description": (
            "Milliseconds in each stage (decode, queue, infer, encode; noise and compare), and in "
            "total."
        ),
        "schema": {"type": "string"},
        "example": "decode;dur=1.4, queue;dur=0.3, infer;dur=16.2, encode;dur=4.9, total;dur=23.5",
    },
    "X-Image-Changes": {
        "description": (
            "What differs from the upload or is missing in the response: a list of "
            f"{', '.join(f'`{change}`' for change in Change)}. "
            "Absent if only the samples have changed."
        ),
        "schema": {"type": "string", "pattern": f"^({_CHANGE})(, ({_CHANGE}))*$"},
        "example": f"{Change.DEPTH}, {Change.METADATA}",
    },
    "X-Image-Notes": {
        "description": (
            "What is to be known of a scan: "
            f"{', '.join(f'`{note}`' for note in Note)}. Absent for other images."
        ),
        "schema": {"type": "string", "pattern": f"^({_NOTE})(, ({_NOTE}))*$"},
        "example": f"{Note.NOT_FOR_DIAGNOSIS}",
    },
    "X-Model": {
        "description": "Name of the model that was used.",
        "required": True,
        "schema": {"type": "string"},
        "example": "unet",
    },
    "X-Noise-Sigma": {
        "description": (
            "Estimated standard deviation of the noise that was found, 0..1, over the whole "
            "image. Accurate to 10% for Gaussian noise of 0.1 and above, and for 9 in 10 images at "
            "0.04; to 15% for 14 of 15 camera images. Close to 0 for a clean image; not "
            "meaningful for an image that is all texture."
        ),
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
        "example": 0.0983,
    },
    "X-Range": {
        "description": (
            "The values of the image, as stored, that the model saw as 0 and 1: the lower first, "
            "unless white is stored as the least. X-Noise-Sigma is a fraction of their difference."
        ),
        "required": True,
        "schema": {"type": "string", "pattern": "^[-+.0-9e]+:[-+.0-9e]+$"},
        "example": "96:4095",
    },
    "X-Transfer": {
        "description": (
            "Whether the samples were treated as `linear`, proportional to light, or as "
            "`perceptual`. For linear ones, X-Noise-Sigma refers to the perceptual encoding that "
            "the model saw."
        ),
        "required": True,
        "schema": {"type": "string", "enum": ["linear", "perceptual"]},
        "example": "perceptual",
    },
    "X-Noise-Seed": {
        "description": "The seed of the noise: the given one, or the one drawn at random.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "Location": {
        "description": "The address of the job.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/jobs/0-mtwG5iRsXcYlBc0JdMfWvA",
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 3,
    },
    "WWW-Authenticate": {
        "description": "How to send a key.",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Bearer realm="denoiser"',
    },
    "Content-Disposition": {
        "description": "A file name to save the image under.",
        "schema": {"type": "string"},
        "example": 'inline; filename="denoised.png"',
    },
    "Accept-Encoding": {
        "description": "The accepted content encodings, for code `unsupported-encoding`.",
        "schema": {"type": "string"},
        "example": "identity",
    },
}

STATUS_HEADERS: Mapping[int, str] = {
    401: "WWW-Authenticate",
    415: "Accept-Encoding",
    429: "Retry-After",
    503: "Retry-After",
}
"""The header that responses with a status have besides the common ones."""

EXPOSED = tuple(name for name in HEADERS if name != "Accept-Encoding")
"""Those that pages of other origins may read, if they may call the service at all."""


def headers(*names: str) -> Json:
    """Return the headers that every response has, and those of these names."""
    return {name: HEADERS[name] for name in ("X-Request-ID", "Server-Timing", *names)}
