"""The same on a Ray cluster: datasets of images, images between stores, and the service.

    denoiser.ray.denoise(dataset)                 # a dataset of Ray Data
    denoiser denoise SRC DST --ray                # between stores
    serve run denoiser.ray:app max_replicas=8     # the service on Ray Serve

Whatever runs on the cluster's machines is defined in this package, not in `app`, because the name
of a class is how a worker of Ray finds it: importing this package puts `app` on the path. Needs
`pip install 'denoiser[cpu,ray]'` on every machine.
"""

import os

# Ray reports to its makers what runs on a cluster unless it is told not to.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from denoiser.ray.data import denoise
from denoiser.ray.serve import app

__all__ = ["app", "denoise"]
