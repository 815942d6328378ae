"""Offline training: from a folder of images to a model package that the service loads."""

import os

# Read when TensorFlow is imported: only what is wrong, not what it is built with.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
