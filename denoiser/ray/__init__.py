"""The same on a Ray cluster: data sets of pictures, pictures between stores, and the service.

    denoiser.ray.denoise(dataset)                 # a data set of Ray Data
    denoiser denoise SRC DST --ray                # between stores
    serve run denoiser.ray:app max_replicas=8     # the service on Ray Serve

What runs on the cluster's machines is defined in this package, not in `app`: a worker of Ray that
imports it by its name has `app` on its path from then on. Needs `pip install 'denoiser[ray]'`, on
every machine.
"""

from denoiser.ray.data import denoise
from denoiser.ray.serve import app

__all__ = ["app", "denoise"]
