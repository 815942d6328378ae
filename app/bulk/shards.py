"""Decide which images belong to this machine, by a checksum of the key."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

INDEXES = (
    "JOB_COMPLETION_INDEX",  # an Indexed Job of Kubernetes, which does not pass the count
    "CLOUD_RUN_TASK_INDEX",
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "SLURM_ARRAY_TASK_ID",
)
COUNTS = ("CLOUD_RUN_TASK_COUNT", "AWS_BATCH_JOB_ARRAY_SIZE", "SLURM_ARRAY_TASK_COUNT")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts, numbered 0 to count - 1."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"there is no shard {self.index} of {self.count}: the first is 0")

    def has(self, key: str) -> bool:
        """Return whether an image belongs to this part."""
        return zlib.crc32(key.encode()) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index:05}-of-{self.count:05}"


def read_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Return the shard that `I/N`, `auto/N` or `auto` stands for; raise ValueError.

    `auto` takes the values that the scheduler has put into the environment: see INDEXES and COUNTS.
    """
    given = re.fullmatch(r"(\d+|auto)(?:/(\d+))?", text)
    if given is None or (given[1] != "auto" and given[2] is None):
        raise ValueError(f"{text!r} is not a shard: I/N, auto/N or auto")
    index = _found(INDEXES, environment) if given[1] == "auto" else given[1]
    count = given[2] or _found(COUNTS, environment)
    return Shard(int(index), int(count))


def _found(names: tuple[str, ...], environment: Mapping[str, str]) -> str:
    values = (environment[name] for name in names if name in environment)
    found = next(values, None)
    if found is None:
        raise ValueError(f"none of these is set: {', '.join(names)}")
    return found
