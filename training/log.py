"""Log the progress of a run, one row per epoch, to log.csv and for TensorBoard."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from training.errors import TrainingError
from training.events import EventFile
from training.files import write

COLUMNS = (
    "epoch", "step", "loss", "psnr", "validation_loss", "validation_psnr", "learning_rate",
    "steps_per_second", "time",
)  # fmt: skip


def read_log(path: Path) -> list[dict[str, float]]:
    """Return the rows of a log.csv, without empty cells; raise TrainingError if it has no
    header.
    """
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if not {"epoch", "step"} <= set(reader.fieldnames or ()):
            raise TrainingError(f"{path}: the first line must name the columns")
        return [{name: float(value) for name, value in row.items() if value} for row in reader]


class Log:
    """The rows of a run so far, written to disk as they are added."""

    def __init__(self, run: Path, epochs: int) -> None:
        """Keep the rows of the first `epochs` of `run`; later epochs will be repeated."""
        self.path = run / "log.csv"
        self.rows = [row for row in read_log(self.path) if row["epoch"] < epochs]
        for old in run.glob("events.out.tfevents.*"):
            old.unlink()
        self.events = EventFile(run)
        for row in self.rows:
            self._to_events(row)

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch."""
        self.rows.append(dict(row))
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.10g}" for k, v in row.items()} for row in self.rows)
        write(self.path, table.getvalue().encode())
        self._to_events(row)

    def best(self, name: str) -> float:
        """Return the highest value in a column; minus infinity without any."""
        return max((row[name] for row in self.rows if name in row), default=float("-inf"))

    def _to_events(self, row: Mapping[str, float]) -> None:
        values = {k: v for k, v in row.items() if k not in ("epoch", "step", "time")}
        self.events.append(int(row["step"]), row.get("time", 0.0), values)
