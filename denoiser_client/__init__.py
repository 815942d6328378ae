"""A client of the Denoiser service, for Python.

    from denoiser_client import Client

    with Client("http://localhost:8000") as client:
        client.denoise("photo.jpg").save("clean.jpg")

Methods raise Problem if the service refuses the request.
"""

from denoiser_client.calls import Comparison, Status
from denoiser_client.client import AsyncClient, Client
from denoiser_client.jobs import AsyncJob, Job
from denoiser_client.options import DenoiseOptions, NoiseOptions
from denoiser_client.pictures import Picture, Result
from denoiser_client.problem import Problem

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Comparison",
    "DenoiseOptions",
    "Job",
    "NoiseOptions",
    "Picture",
    "Problem",
    "Result",
    "Status",
]
