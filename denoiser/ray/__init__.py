"""Denoising on a Ray cluster: datasets of images, images between stores, and the service.

    denoiser.ray.denoise(dataset)                 # a dataset of Ray Data
    denoiser denoise SRC DST --ray                # between stores
    serve run denoiser.ray:app max_replicas=8     # the service on Ray Serve

Everything that runs on the machines of the cluster is defined in this package, not in `app`, since
Ray's workers import classes by name, and importing this package puts `app` on the path. Requires
`pip install 'denoiser[cpu,ray]'` on every machine.
"""

import os

# Ray sends usage statistics to its vendor unless told not to.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from denoiser.ray.data import denoise
from denoiser.ray.serve import app

__all__ = ["app", "denoise"]
