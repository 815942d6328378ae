"""The environment of a run, with enough detail to explain why two runs differ."""

import platform
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np

PROJECT = "denoiser"
CPUINFO = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Return the versions of this project, Keras and its backend, for model cards."""
    try:
        project = version(PROJECT)
    except PackageNotFoundError:
        project = "not installed"
    backend = keras.backend.backend()
    return {
        "denoiser": project,
        "keras": keras.__version__,
        "backend": f"{backend} {import_module(backend).__version__}",
    }


def environment() -> dict[str, Any]:
    """Return the versions, machine, command line and time of this process."""
    return {
        "started": now(),
        "command": sys.argv,
        **versions(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "processor": _processor(),
    }


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    """Return the name of the processor, from Linux or else from Python."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
