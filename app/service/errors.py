"""The errors of the service, which app.api.handlers translates to HTTP.

The layers below raise others: Overloaded and Draining in the batcher, WorkerLost in the sandbox,
ImagingError in the codecs, and MemoryError.
"""

from collections.abc import Iterable


class ServiceError(Exception):
    """The service cannot serve a request, either at present or at all."""


class Loading(ServiceError):
    """The models are being loaded."""


class Failing(ServiceError):
    """The network of a model fails repeatedly; the service keeps testing whether it recovers."""


class Broken(ServiceError):
    """The service cannot recover; only a new process can."""


class UnknownModel(ServiceError):
    """There is no model of that name."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        """Take the names that exist."""
        self.name, self.names = name, tuple(names)
        super().__init__(f"there is no model {name!r}; there are: {', '.join(self.names)}")


class NeedsTooMuchMemory(ServiceError):
    """An image needs more memory than all requests together may use."""


class UnknownJob(ServiceError):
    """There is no such job, or it has been forgotten."""

    def __init__(self, seconds: float) -> None:
        """Take the `seconds` after which a job that has ended is forgotten."""
        super().__init__("there is no such job")
        self.seconds = seconds


class TakesTooLong(ServiceError):
    """An image cannot be denoised in the time of a request, even on an idle service."""

    def __init__(self, seconds: float, limit: float, faster: str | None) -> None:
        """Take `faster`, the parameter with which it would be in time, if there is one."""
        super().__init__(f"it would take {seconds:.0f} s of {limit:g} s")
        self.seconds, self.limit, self.faster = seconds, limit, faster


class SizesDiffer(ServiceError):
    """Images that are to be compared differ in width, height or number of frames."""

    def __init__(self, image: str, reference: str) -> None:
        """Take the size of each, such as 640x480, or 640x480 in 3 frames."""
        super().__init__(f"The image is {image}, the reference {reference}.")
