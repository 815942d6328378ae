"""How a worker makes the result of an image and what the network made of it."""

from dataclasses import dataclass
from typing import Self

from app.imaging.blend import FULL, Strength
from app.imaging.light import Transfer
from app.imaging.removed import Wanted
from app.sandbox.wire import Message


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the caller asked for, and what is to be written into the file."""

    channels: int
    """Of the network's result."""
    strength: Strength = FULL
    """The shares of the network's correction that are applied."""
    working_range: str = "auto"
    """As the caller gave it."""
    transfer: Transfer = "auto"
    """As the caller gave it."""
    made: str = ""
    """What was done, in words."""
    wanted: Wanted = "image"
    """What the file is to show."""

    @classmethod
    def parse(cls, message: Message) -> Self:
        """Return what `dataclasses.asdict` has made a message of."""
        return cls(**message | {"strength": Strength(**message["strength"])})
