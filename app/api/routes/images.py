"""POST /denoise, /noise and /compare."""

import math
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api import openapi
from app.api.answer import PictureResponse
from app.api.dependencies import WorkOf
from app.api.schemas import Comparison
from app.api.upload import read_image, read_images
from app.api.work import while_wanted
from app.service import confined, operations
from app.service.operations import DenoisedFile
from app.service.options import DenoiseOptions, NoiseOptions

router = APIRouter(tags=["images"])


@router.post(
    "/denoise",
    summary="Remove the noise from an image",
    response_class=Response,
    responses=openapi.denoised("The denoised image.")
    | openapi.problems(400, 404, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload(),
)
async def denoise(
    request: Request, work: WorkOf, options: Annotated[DenoiseOptions, Query()]
) -> Response:
    """Return the image without its noise.

    Width, height, bit depth and colours stay the same; transparency and metadata are kept.
    """
    work.service.models.denoiser(options.model)  # refuses before the image is sent
    files, options = await read_image(request, work.share, options)
    async with while_wanted(request, work.service.settings.timeout_seconds):
        files = await confined.volumes(work, files.pop())
        found = await operations.denoise(work, files, options)
    return denoised_response(found, work.service.settings.answer_seconds)


def denoised_response(found: DenoisedFile, seconds: float) -> PictureResponse:
    """Return the response with the image, which the client must read within `seconds`."""
    headers = {
        "X-Model": found.model,
        "X-Noise-Sigma": f"{found.sigma:.4f}",
        "X-Range": str(found.range),
        "X-Transfer": found.transfer,
    }
    return PictureResponse(found.file, "denoised", headers, seconds=seconds)


@router.post(
    "/noise",
    summary="Add noise to an image",
    response_class=Response,
    responses=openapi.picture(
        "The noisy image.",
        "X-Noise-Seed",
        again=openapi.link("noise", "The same noise.", seed="$response.header.X-Noise-Seed"),
    )
    | openapi.problems(400, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload(),
)
async def noise(
    request: Request, work: WorkOf, options: Annotated[NoiseOptions, Query()]
) -> Response:
    """Return the image with noise added, clipped to its range, by default in a lossless format.

    The same image, parameters and seed give the same bytes.
    """
    files, options = await read_image(request, work.share, options)
    async with while_wanted(request, work.service.settings.timeout_seconds):
        noisy = await operations.add_noise(work, files, options)
    headers, seconds = {"X-Noise-Seed": str(noisy.seed)}, work.service.settings.answer_seconds
    return PictureResponse(noisy.file, "noisy", headers, seconds=seconds)


@router.post(
    "/compare",
    summary="Compare an image with a reference",
    responses=openapi.answer("The measures.") | openapi.problems(400, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload("reference", "image", raw=False),
)
async def compare(request: Request, work: WorkOf) -> Comparison:
    """Return RMSE, PSNR in dB and SSIM, on the 0..1 scale whatever the bit depths.

    Both images must have the same width and height; a grey image is compared with a colour image as
    three equal channels. If either has signed, 32-bit or floating-point samples beyond 0..1, the
    scale is the range that the reference fills.
    """
    files = await read_images(request, work.share, ("reference", "image"))
    async with while_wanted(request, work.service.settings.timeout_seconds):
        found = await operations.compare(work, files)
    psnr = found.psnr if math.isfinite(found.psnr) else None
    return Comparison(rmse=found.rmse, psnr=psnr, ssim=found.ssim)
