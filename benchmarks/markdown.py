"""Markdown tables, and bounds on their figures."""

from collections.abc import Iterable
from dataclasses import dataclass


def line(cells: Iterable[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def head(*cells: str) -> str:
    """Return the first two rows."""
    return f"{line(cells)}\n{line('---' for _ in cells)}"


@dataclass(frozen=True)
class Bound:
    """Something measured, and the most that it may be."""

    what: str
    found: float
    most: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Not when nothing was measured (nan)."""
        return self.found <= self.most


def report(bounds: Iterable[Bound]) -> int:
    """Print a table of the bounds; return 1 if one does not hold."""
    bounds = list(bounds)
    print(head("", "measured", "at most", ""))
    for bound in bounds:
        found, most = (f"{value:.4g} {bound.unit}".strip() for value in (bound.found, bound.most))
        print(line((bound.what, found, most, "holds" if bound.holds else "**does not hold**")))
    return 0 if all(bound.holds for bound in bounds) else 1
