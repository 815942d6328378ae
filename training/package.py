"""Write model packages for the service: NAME/model.keras and NAME/card.json."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.inference.card import NAME, ModelCard, first_error
from training.anatomy import anatomy
from training.checkpoint import read_network
from training.data import load
from training.environment import now, versions
from training.errors import TrainingError
from training.experiment import Experiment, read_experiment
from training.files import write


def package(
    source: Path,
    name: str,
    models: Path,
    *,
    experiment: Experiment | None = None,
    data: Path | None = None,
) -> Path:
    """Write the package `models`/`name` and return its folder.

    `source` is a run folder, whose model.keras is taken, or a .keras file. Unless given, the
    experiment is the one beside the model. The images are counted in `data`, or else taken from the
    data.json beside the model; scores come from metrics.json there, if they are those of this file.
    Raises TrainingError, without writing anything, also for a card that the service would refuse.
    """
    if not re.fullmatch(NAME, name):
        raise TrainingError(f"{name!r} is no name for a model: it must match {NAME}")
    path = source / "model.keras" if source.is_dir() else source
    if not path.is_file():
        raise TrainingError(f"there is no {path}")
    experiment = experiment or read_experiment(path.with_name("experiment.toml"))
    network, content = read_network(path)
    sha256 = hashlib.sha256(content).hexdigest()
    found = {
        "name": name,
        **_figures(network, path, experiment),
        "training_data": _training_data(path, experiment, data),
        "metrics": _metrics(path, sha256),
        "sha256": sha256,
        "bytes": len(content),
        "created": now(),
        "versions": versions(),
    }
    try:
        card = ModelCard.model_validate(found | _declared(experiment, name))
    except ValidationError as error:
        raise TrainingError(f"{path}: no card can be written: {first_error(error)}") from error
    text = json.dumps(card.model_dump(exclude_unset=True), indent=2, ensure_ascii=False)
    folder = models / name
    folder.mkdir(parents=True, exist_ok=True)
    # In this order, a crash in between leaves a card that does not match, which is never loaded.
    write(folder / "model.keras", content)
    write(folder / "card.json", f"{text}\n".encode())
    return folder


def _declared(experiment: Experiment, name: str) -> dict[str, Any]:
    """Return what the experiment states about its model."""
    card = experiment.card
    return {
        "title": card.title or name,
        "description": card.description or f"The result of experiment {experiment.name}.",
        "historical": card.historical,
        "modality": card.modality,
        "noise": str(experiment.noise),
        "history": card.history,
        "licence": card.licence,
    }


def _figures(network: Any, path: Path, experiment: Experiment) -> dict[str, Any]:
    policies = {layer.dtype_policy.name for layer in network.layers}
    if policies != {"float32"}:
        raise TrainingError(f"{path} computes in {', '.join(sorted(policies))}, not in float32")
    figures = anatomy(network)
    halo = experiment.card.halo
    return {
        "architecture": experiment.architecture,
        "parameters": figures.parameters,
        "gmac": float(f"{figures.gmac:.3g}"),
        "floats_per_pixel": figures.floats_per_pixel,
        "stride": figures.stride,
        "halo": figures.radius if halo is None else min(halo, figures.radius),
    }


def _training_data(path: Path, experiment: Experiment, data: Path | None) -> list[dict[str, Any]]:
    counted = path.with_name("data.json")
    if data is not None:
        settings = experiment.data
        counts = [len(load(folder, data, settings).training) for folder in settings.folders]
    elif counted.is_file():
        counts = [folder["images"] for folder in json.loads(counted.read_text())]
    else:
        raise TrainingError(f"there is no {counted}: tell the folder of images with --data")
    if len(counts) != len(experiment.data.folders):
        raise TrainingError(f"{counted} is of another experiment: count the images with --data")
    return [
        {"name": folder.label, "images": count, "terms": folder.terms}
        for folder, count in zip(experiment.data.folders, counts, strict=True)
    ]


def _metrics(path: Path, sha256: str) -> list[dict[str, Any]]:
    measured = path.with_name("metrics.json")
    if not measured.is_file():
        return []
    record = json.loads(measured.read_text())
    scores: list[dict[str, Any]] = record["scores"] if record["sha256"] == sha256 else []
    return scores
