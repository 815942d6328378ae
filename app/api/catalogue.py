"""Every problem that the service responds with, one row each.

The examples in OpenAPI, docs/problems.md and the titles on the page are generated from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from app.imaging import formats

Code = Literal[
    "bad-request",
    "broken",
    "draining",
    "failing",
    "head-too-large",
    "internal-error",
    "loading",
    "malformed-form",
    "method-not-allowed",
    "needs-too-much-memory",
    "needs-too-much-time",
    "no-memory",
    "not-found",
    "overloaded",
    "rate-limited",
    "takes-too-long",
    "timeout",
    "too-large",
    "too-many-pixels",
    "too-many-requests",
    "too-slow",
    "unauthorized",
    "unfinished-job",
    "unknown-job",
    "unknown-model",
    "unreadable-image",
    "unsuitable-format",
    "unsupported-encoding",
    "unsupported-media-type",
    "validation",
    "worker-lost",
]

Retry = Literal["never", "later", "retry-after"]
"""When the same request may succeed: never, at any time, or after Retry-After."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of problem."""

    status: int
    title: str
    """The title of the problem on the page."""
    text: str
    """The template of `detail`."""
    example: Mapping[str, Any] = field(default_factory=dict)
    """The values of the template's fields in the example."""
    retry: Retry = "never"

    def detail(self, **fields: Any) -> str:
        """Fill in the fields of the text; raise KeyError if one is missing."""
        return self.text.format_map(fields)


NO_KEY = {"reason": "Send a key: `Authorization: Bearer KEY`, or `X-API-Key: KEY`."}

CATALOGUE: dict[Code, Row] = {
    "unreadable-image": Row(
        400,
        "This file cannot be read as an image",
        "{reason}",
        {"reason": "The image is truncated."},
    ),
    "malformed-form": Row(
        400,
        "The form is damaged",
        "The multipart form is malformed: {reason}.",
        {"reason": "it ends before its last boundary"},
    ),
    "bad-request": Row(
        400,
        "The request is invalid",
        "{reason}",
        {"reason": "This is not a valid HTTP/1.1 request."},
    ),
    "unauthorized": Row(401, "The service requires a key", "{reason}", NO_KEY),
    "unknown-model": Row(
        404,
        "There is no such model",
        "There is no model {name!r}; there are: {names}.",
        {"name": "vgg", "names": "unet"},
    ),
    "unknown-job": Row(
        404,
        "This job is gone",
        "There is no such job: its id is wrong, or it was cancelled, lost with its process, or "
        "ended more than {seconds:g} seconds ago.",
        {"seconds": 600},
    ),
    "not-found": Row(
        404, "There is nothing here", "There is nothing at this path; /docs lists the paths."
    ),
    "method-not-allowed": Row(
        405,
        "The method is not allowed",
        "This path does not support the method; the Allow header lists those it supports.",
    ),
    "unfinished-job": Row(
        409,
        "This job is not done yet",
        "The job is {state}; {percent}% is done.",
        {"state": "running", "percent": 40},
        "later",
    ),
    "too-slow": Row(
        408,
        "Sending the image took too long",
        "{part} did not arrive within {seconds:g} seconds.",
        {"part": "The body", "seconds": 60},
        "later",
    ),
    "needs-too-much-time": Row(
        413,
        "Reading this image takes too long",
        "Reading the image takes far more time than its size justifies.",
    ),
    "takes-too-long": Row(
        413,
        "This image takes too long for one request",
        "The image would take {seconds:.0f} s, and a request may take {limit:g} s. Send it to "
        "POST /jobs{remedy}.",
        {"seconds": 190, "limit": 120, "remedy": ", or with model=unet-fast"},
    ),
    "too-large": Row(
        413,
        "The file is too large",
        "The upload has more than {limit} bytes, the most that this service takes.",
        {"limit": 134_217_728},
    ),
    "needs-too-much-memory": Row(
        413,
        "The image is too large",
        "The image needs more memory than the service may use.",
    ),
    "too-many-pixels": Row(
        413,
        "The image is too large",
        "{reason}",
        {
            "reason": "The image declares 30000 x 30000 pixels; at most 64000000 are taken, and "
            "65500 a side."
        },
    ),
    "unsupported-media-type": Row(
        415, "This kind of file is not supported", "{reason}", {"reason": formats.not_read()}
    ),
    "unsupported-encoding": Row(
        415,
        "Compressed uploads are not supported",
        "The body is compressed (Content-Encoding: {coding}); send the image as it is.",
        {"coding": "gzip"},
    ),
    "validation": Row(
        422,
        "A parameter is invalid",
        "{reason}",
        {"reason": "factor: Input should be less than or equal to 1."},
    ),
    "unsuitable-format": Row(
        422,
        "That format cannot store this image",
        "{reason}",
        {"reason": "JPEG cannot hold transparency; ask for png, webp or tiff."},
    ),
    "rate-limited": Row(
        429,
        "Too many requests",
        "More requests were sent than one caller may send in a minute.",
        retry="retry-after",
    ),
    "too-many-requests": Row(
        429,
        "Too many requests at once",
        "This address already has {limit} requests in progress; no more are accepted.",
        {"limit": 128},
        "retry-after",
    ),
    "head-too-large": Row(
        431,
        "The request is too large",
        "The request line and headers are longer than {limit}.",
        {"limit": "32768 bytes"},
    ),
    "internal-error": Row(
        500,
        "The service failed",
        "The service failed; the error has been logged under this request's id.",
        retry="later",
    ),
    "no-memory": Row(
        503,
        "The service is short of memory",
        "There is too little memory for this image at present.",
        retry="retry-after",
    ),
    "worker-lost": Row(
        503,
        "Processing this image was interrupted",
        "The process that worked on the image ended before it was done; try again.",
        retry="retry-after",
    ),
    "overloaded": Row(
        503,
        "The service is busy",
        "The service has as much work as it can handle.",
        retry="retry-after",
    ),
    "loading": Row(
        503, "The service is starting", "The models are being loaded.", retry="retry-after"
    ),
    "failing": Row(
        503,
        "The service is failing",
        "The network fails at present; the service keeps trying whether it works again.",
        retry="retry-after",
    ),
    "broken": Row(
        503,
        "The service has broken down",
        "The service cannot work again until it is restarted.",
        retry="retry-after",
    ),
    "draining": Row(
        503,
        "The service is stopping",
        "The service is stopping and accepts no new work.",
        retry="retry-after",
    ),
    "timeout": Row(
        503,
        "This took too long",
        "The image was not ready within {seconds:g} seconds. Send it to POST /jobs, where it may "
        "take as long as it needs.",
        {"seconds": 120},
        "retry-after",
    ),
}

if missing := set(get_args(Code)) ^ CATALOGUE.keys():
    raise AssertionError(f"not in the catalogue, or not among the codes: {missing}")


def with_status(status: int) -> dict[Code, Row]:
    """Return the rows with this status."""
    return {code: row for code, row in CATALOGUE.items() if row.status == status}
