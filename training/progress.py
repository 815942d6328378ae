"""Show the progress of a run."""

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def duration(seconds: float) -> str:
    """Return a duration in words, as precise as an estimate can be."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def say(console: Console, words: str) -> None:
    """Print a line as it is: without markup, colours or line breaks."""
    console.print(words, highlight=False, markup=False, soft_wrap=True)


class ProgressBar(keras.callbacks.Callback):
    """The steps of the whole run, with loss, PSNR, patches per second and the time left."""

    def __init__(self, console: Console, *, steps: int, done: int, batch: int) -> None:
        super().__init__()
        self.batch = batch
        self.bar = Progress(
            TextColumn("step {task.completed}/{task.total}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self.task = self.bar.add_task("", total=steps, completed=done, figures="")

    def on_epoch_begin(self, *_: Any) -> None:
        """Start the clock, since rates are those of the current epoch."""
        self.began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Advance by a step."""
        rate = (batch + 1) * self.batch / (time.monotonic() - self.began)
        figures = f"loss {logs['loss']:.4f}  {logs['psnr']:.2f} dB  {rate:.1f} patches/s"
        self.bar.update(self.task, advance=1, figures=figures)
