"""A client of the Denoiser service, for Python.

    from denoiser_client import Client

    with Client("http://localhost:8000") as client:
        client.denoise("photo.jpg").save("clean.jpg")

Methods raise Problem if the service refuses the request.
"""

from denoiser_client.client import AsyncClient, Client, Comparison
from denoiser_client.options import DenoiseOptions, NoiseOptions
from denoiser_client.pictures import Picture, Result
from denoiser_client.problem import Problem

__all__ = [
    "AsyncClient",
    "Client",
    "Comparison",
    "DenoiseOptions",
    "NoiseOptions",
    "Picture",
    "Problem",
    "Result",
]
