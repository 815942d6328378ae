"""Validate, log and save a run while the network learns."""

import math
import time
from pathlib import Path
from typing import Any

import keras
from keras import ops
from rich.console import Console

from training.checkpoint import copy_averaged, save_network, save_state
from training.errors import TrainingError
from training.log import Log
from training.patches import Patches
from training.progress import duration, say
from training.validation import Validation

CHECKPOINT_SECONDS = 240.0
"""Seconds after which the state is saved within an epoch: a crash costs at most five minutes."""


class Keeper(keras.callbacks.Callback):
    """Watch the loss; after each epoch, validate, log, and save everything that a resume needs.

    Within an epoch, save the same every CHECKPOINT_SECONDS.
    """

    def __init__(
        self,
        run: Path,
        network: Any,
        twin: Any,
        patches: Patches,
        steps: int,
        validation: Validation,
        log: Log,
        console: Console,
    ) -> None:
        """Take `steps`, the length of the run, at which the last epoch is cut short."""
        super().__init__()
        self.run, self.network, self.twin = run, network, twin
        self.step, self.steps = patches.done, steps
        self.probe = patches.draw(patches.done)[..., :3]
        self.validation, self.log, self.console = validation, log, console
        self.done, self.started = patches.done, time.monotonic()
        self.is_stopping = False

    def stop(self) -> None:
        """Let the run end after this step, and save its state."""
        self.is_stopping = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.epoch, self.first, self.began = epoch, self.step, time.monotonic()
        self.saved = self.began

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Count the step; raise TrainingError if the loss is not finite, and keep the last
        checkpoint.
        """
        self.step += 1
        self._require_number(logs["loss"])
        if self.step == self.steps or self.is_stopping:
            self.model.stop_training = True
        if self.step < self.steps and (
            self.is_stopping or time.monotonic() - self.saved >= CHECKPOINT_SECONDS
        ):
            save_state(self.model, self.epoch, self.run / "last.npz")
            self.saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the run, ending with the state that lets a resume continue after this epoch.

        An epoch that was stopped early is left to the resume.
        """
        if self.is_stopping and self.step < min(self.steps, self.first + self.params["steps"]):
            return
        elapsed = time.monotonic() - self.began
        # The loss is that before the last step, so the result of this step is checked, too.
        restored = self.network.predict_on_batch(self.probe)
        loss_after = ops.mean(self.validation.loss(self.probe, restored))
        self._require_number(float(loss_after))
        copy_averaged(self.model, self.network, self.twin)
        row = {
            "epoch": epoch,
            "step": self.step,
            "loss": logs["loss"],
            "psnr": logs["psnr"],
            **self.validation(self.twin),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "steps_per_second": (self.step - self.first) / elapsed,
            "time": time.time(),
        }
        better = row.get("validation_psnr", -math.inf) > self.log.best("validation_psnr")
        self.log.append(row)
        names = ("model.keras", "best.keras") if better else ("model.keras",)
        save_network(self.twin, *(self.run / name for name in names))
        save_state(self.model, epoch + 1, self.run / "last.npz")
        left = (self.steps - self.step) * self._seconds_per_step()
        say(self.console, _in_words(row) + (f"  {duration(left)} left" if left else ""))

    def _seconds_per_step(self) -> float:
        """Return seconds per step since this process began, validation and saving included."""
        return (time.monotonic() - self.started) / (self.step - self.done)

    def _require_number(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} after step {self.step}: lower schedule.learning_rate or "
                f"schedule.clip. {self.run} is as the last epoch left it."
            )


def _in_words(row: dict[str, float]) -> str:
    held_out = "validation {validation_psnr:.2f} dB  " if "validation_psnr" in row else ""
    words = "epoch {epoch:.0f}  step {step:.0f}  loss {loss:.5f}  {psnr:.2f} dB  " + held_out
    return (words + "{steps_per_second:.2f} steps/s").format(**row)
