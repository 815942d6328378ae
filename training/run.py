"""The folder of a run: its inputs, its results, and the commands to run next."""

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from training import MODULE
from training.checkpoint import load_network
from training.data import Images
from training.environment import environment
from training.errors import TrainingError
from training.experiment import Folder
from training.files import PART, write
from training.log import read_log
from training.pictures import draw_grid, draw_loss
from training.progress import say
from training.validation import Validation
from training.webpage import webpage


def require_new(state: Path, *, resume: bool) -> None:
    """Raise TrainingError if the folder contains a run that is not to be resumed."""
    if state.exists() and not resume:
        raise TrainingError(
            f"{state.parent} holds a run: go on with --resume, or name another with --run"
        )


def open_run(run: Path, source: Path, images: list[dict[str, Any]], console: Console) -> None:
    """Record the experiment, the machine and the images of the run."""
    for unfinished in run.glob(f"{PART}*"):
        unfinished.unlink()
    kept = run / "experiment.toml"
    if kept.exists() and kept.read_bytes() != source.read_bytes():
        say(console, f"{source} differs from {kept}, which it replaces from here on")
    write(kept, source.read_bytes())
    starts = run / "environment.json"
    earlier = json.loads(starts.read_text()) if starts.exists() else []
    _write_json(starts, [*earlier, environment()])
    _write_json(run / "data.json", images)


def tell(folders: list[dict[str, Any]], console: Console) -> None:
    """Print how many images there are, and what was left out."""
    for folder in folders:
        place = "" if folder["path"] == "." else f"{folder['path']}: "
        images = "1 image" if folder["images"] == 1 else f"{folder['images']} images"
        counts = f"{images} to train on, {folder['held_out']} held out"
        say(console, place + counts)
        for skipped in folder["skipped"]:
            say(console, "  skipped {file}: {reason}".format(**skipped))


def summary(folders: Sequence[Folder], loaded: Sequence[Images]) -> list[dict[str, Any]]:
    """Return the entry in `data.json` for each folder of images."""
    return [
        {
            "path": folder.label if folder.drawn else folder.path,
            "images": len(images.training),
            "held_out": len(images.held_out),
            "skipped": [{"file": _printable(s.path), "reason": s.reason} for s in images.skipped],
        }
        for folder, images in zip(folders, loaded, strict=True)
    ]


def _printable(path: Path) -> str:
    """Return the path, with escapes for bytes that are not UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def conclude(run: Path, data: Path, validation: Validation) -> list[str]:
    """Draw the results of the run, write its report, and return the commands to run next."""
    _draw(run, validation)
    commands = _next_commands(run, data)
    write(run / "report.html", webpage(run, commands).encode())
    return commands


def _draw(run: Path, validation: Validation) -> None:
    """Draw the loss curve, and a grid of held-out crops restored by the network of the run."""
    write(run / "loss.png", draw_loss(read_log(run / "log.csv")))
    if len(validation.clean):
        restored = validation.restore(load_network(run))
        write(run / "grid.png", draw_grid(validation.clean, validation.noisy, restored))


def _next_commands(run: Path, data: Path) -> list[str]:
    """Return the commands that measure, package and serve the run."""
    folder, name = shlex.quote(str(run)), shlex.quote(run.resolve().name)
    return [
        f"python -m {MODULE} report {folder} --data {shlex.quote(str(data))}",
        f"python -m {MODULE} package {folder}",
        f"DENOISER_MODELS_DIR=models DENOISER_MODEL={name} denoiser serve",
    ]


def _write_json(path: Path, content: Any) -> None:
    write(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
