"""Offline training: from a folder of images to a model package that the service loads."""

from pathlib import Path

_INSTALLED = (Path(__file__).resolve().parents[2] / "__main__.py").exists()
MODULE = "denoiser.training" if _INSTALLED else "training"
"""The module that `python -m` runs; in a wheel, this package is part of another."""
