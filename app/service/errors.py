"""Why the service does not do what it is asked to; what that is in HTTP, app.api.problems says.

Beside these stand those of the layers below: Overloaded and Draining of the batcher, WorkerLost of
the sandbox, ImagingError of the codecs, and MemoryError.
"""

from collections.abc import Iterable


class Loading(Exception):
    """The models are being loaded."""


class Failing(Exception):
    """The network of a model fails time and again; the service tries whether it works again."""


class Broken(Exception):
    """The service can never work again; only a new process may."""


class UnknownModel(Exception):
    """There is no model of that name."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        """`names` are those that there are."""
        self.name, self.names = name, tuple(names)
        super().__init__(f"there is no model {name!r}; these are: {', '.join(self.names)}")


class NeedsTooMuchMemory(Exception):
    """A picture needs more memory than all requests together may hold."""


class UnknownJob(Exception):
    """There is no job of that id, or none any more."""

    def __init__(self, seconds: float) -> None:
        """`seconds` are those after which a job that has ended is forgotten."""
        super().__init__("there is no such job")
        self.seconds = seconds


class TakesTooLong(Exception):
    """A picture cannot be denoised in the time that a request may take, even by itself."""

    def __init__(self, seconds: float, limit: float, faster: str | None) -> None:
        """`faster` is a model that would do it in time, if there is one."""
        super().__init__(f"it would take {seconds:.0f} s of {limit:g} s")
        self.seconds, self.limit, self.faster = seconds, limit, faster
