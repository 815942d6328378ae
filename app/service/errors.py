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
