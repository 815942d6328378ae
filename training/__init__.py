"""Offline training: from a folder of images to a model package that the service loads."""

import os
from pathlib import Path

# read when TensorFlow is imported: report only errors, not how it was built
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_INSTALLED = (Path(__file__).resolve().parents[2] / "__main__.py").exists()
MODULE = "denoiser.training" if _INSTALLED else "training"
"""What `python -m` runs: in a wheel, this package is inside another."""
