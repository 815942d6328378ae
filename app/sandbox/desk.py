"""The memory that the service shares with one worker for as long as it lives, for small jobs.

Making, mapping and filling fresh pages takes longer than all else about a small picture. What a
command is given lies here, one thing behind the other; what it makes lies at the beginning, after
that. Only this worker sees it, which has seen all of it before, and the service copies what it
takes.
"""

from collections.abc import Iterator, Sequence

from app.sandbox.shared import Area, Region

SIZE = 1 << 21  # bytes
ALIGNMENT = 64  # of samples of any type


def lay(desk: Area, given: Sequence[Area]) -> bool:
    """Puts copies of all that is given on the desk.

    False, with nothing done, where there is no room for it, or some of it is shared already.
    """
    sizes = [each.size for each in given]
    if sum(map(_aligned, sizes)) > SIZE or any(isinstance(each, Region) for each in given):
        return False
    for place, each in zip(places(desk, sizes), given, strict=True):
        place.view[:] = each.view
    return True


def places(desk: Area, sizes: Sequence[int]) -> Iterator[Area]:
    """Where things of these sizes lie."""
    start = 0
    for size in sizes:
        yield Area(desk.view[start : start + size])
        start += _aligned(size)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
