"""Scratch memory, which the service shares with one worker for its lifetime, for small jobs.

Allocating, mapping and faulting in fresh pages takes longer than everything else about a small
image. The inputs of a command are put here, one after the other; its result then overwrites them
from the beginning. Only this worker sees the memory, which holds nothing that is new to it, and the
service copies what it needs.
"""

from collections.abc import Iterator, Sequence

from app.sandbox.shared import Area, Region

SIZE = 1 << 21  # bytes
ALIGNMENT = 64  # of samples of any type


def put(scratch: Area, given: Sequence[Area]) -> bool:
    """Put copies of all inputs into the scratch memory.

    Returns False, without effect, if they do not fit, or if some of them are shared already.
    """
    sizes = [each.size for each in given]
    if sum(map(_aligned, sizes)) > SIZE or any(isinstance(each, Region) for each in given):
        return False
    for place, each in zip(places(scratch, sizes), given, strict=True):
        place.view[:] = each.view
    return True


def places(scratch: Area, sizes: Sequence[int]) -> Iterator[Area]:
    """Yield the parts of the scratch memory for inputs of these sizes."""
    start = 0
    for size in sizes:
        yield Area(scratch.view[start : start + size])
        start += _aligned(size)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
