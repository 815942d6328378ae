"""Write the report on a run: its scores in the trials of its experiment, and images."""

import hashlib
import json
from pathlib import Path

from training.checkpoint import read_network
from training.errors import TrainingError
from training.evaluate import Score, outcomes, score
from training.experiment import Experiment, read_experiment
from training.files import write
from training.log import read_log
from training.methods import network_method
from training.pictures import draw_grid, draw_loss
from training.tables import first_rmse, table


def report(run: Path, data: Path, trials: Path | None = None) -> Path:
    """Evaluate the network of a run folder on images below `data`; return the path of the report.

    The trials are those of the experiment, or of the experiment file `trials`. Besides report.md
    and its pictures, this writes metrics.json, from which `package` takes the scores for the model
    card. Raises TrainingError if there is no run, or if there are no trials.
    """
    experiment = read_experiment(run / "experiment.toml")
    measure_by = trials or run / "experiment.toml"
    chosen = read_experiment(measure_by).trials
    if not chosen:
        raise TrainingError(f"{measure_by} has no [[trials]] to measure by")
    network, content = read_network(run)
    method = network_method(network)
    scores = [
        score(trial, sigma, outcomes(method, trial, sigma, data))
        for trial in chosen
        for sigma in trial.levels
    ]
    rows = read_log(run / "log.csv")
    if rows:
        write(run / "loss.png", draw_loss(rows))
    for index, result in enumerate(scores):
        write(run / f"trial-{index}.png", _grid(result))
    metrics = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "scores": [result.on_card() for result in scores],
    }
    write(run / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    write(run / "report.md", _text(experiment, scores, bool(rows)).encode())
    return run / "report.md"


def _grid(result: Score) -> bytes:
    first = result.first
    return draw_grid(
        [outcome.original for outcome in first],
        [outcome.noisy for outcome in first],
        [outcome.restored for outcome in first],
        [f"{outcome.psnr:.2f} dB\nRMSE {outcome.rmse:.4f}" for outcome in first],
    )


def _text(experiment: Experiment, scores: list[Score], has_log: bool) -> str:
    named = [(experiment.name, result) for result in scores]
    pictures = [
        f"![{result.dataset}, sigma {result.sigma:g}](trial-{index}.png)"
        for index, result in enumerate(scores)
    ]
    parts = [
        f"# {experiment.name}",
        f"Trained on: {experiment.noise}.",
        table(named),
        first_rmse(named),
        *(["![loss curve](loss.png)"] if has_log else []),
        *pictures,
    ]
    return "\n\n".join(parts) + "\n"
