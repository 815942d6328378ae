"""How a worker renders the result from an image and the network's output."""

from dataclasses import dataclass
from typing import Self

from app.imaging.blend import FULL, Strength
from app.imaging.light import Transfer
from app.imaging.removed import Wanted
from app.sandbox.wire import Message


@dataclass(frozen=True, slots=True)
class Rendering:
    """The options of the caller, and the description for the file."""

    channels: int
    """Channels of the network's result."""
    strength: Strength = FULL
    """The shares of the network's correction that are applied."""
    working_range: str = "auto"
    """As the caller gave it."""
    transfer: Transfer = "auto"
    """As the caller gave it."""
    made: str = ""
    """What was done, in words."""
    wanted: Wanted = "image"
    """What the file shows."""

    @classmethod
    def parse(cls, message: Message) -> Self:
        """Parse a message that `dataclasses.asdict` has made."""
        return cls(**message | {"strength": Strength(**message["strength"])})
