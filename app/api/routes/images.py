"""POST /denoise, /noise and /compare."""

import math
import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api import openapi
from app.api.answer import PictureResponse
from app.api.dependencies import ServiceOf, ShareOf, TraceOf
from app.api.problems import invalid_body
from app.api.schemas import Comparison
from app.api.upload import read_image, read_images
from app.api.work import while_wanted
from app.imaging.codec import Format
from app.service import operations
from app.service.operations import DenoisedFile, decoding, limits_of, opened, weight
from app.service.options import DenoiseOptions, NoiseOptions

router = APIRouter(tags=["pictures"])


@router.post(
    "/denoise",
    summary="Remove the noise from a picture",
    response_class=Response,
    responses=openapi.denoised("The denoised picture.")
    | openapi.problems(400, 404, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload(),
)
async def denoise(
    request: Request,
    service: ServiceOf,
    trace: TraceOf,
    share: ShareOf,
    options: Annotated[DenoiseOptions, Query()],
) -> Response:
    """Answers the caller's own picture without its noise.

    Same width, height, bit depth and colours; transparency and metadata pass through.
    """
    service.models.denoiser(options.model)  # lest a picture be sent in vain
    files, options = await read_image(request, share, options)
    async with while_wanted(request, service.settings.timeout_seconds):
        found = await operations.denoise(service, trace, share, files, options)
    return denoised_response(found, service.settings.answer_seconds)


def denoised_response(found: DenoisedFile, seconds: float) -> PictureResponse:
    """The picture, which is to be taken within so many seconds, and what was found."""
    headers = {
        "X-Model": found.model,
        "X-Noise-Sigma": f"{found.sigma:.4f}",
        "X-Range": str(found.range),
        "X-Transfer": found.transfer,
    }
    return PictureResponse(found.file, "denoised", headers, seconds=seconds)


@router.post(
    "/noise",
    summary="Add noise to a picture",
    response_class=Response,
    responses=openapi.picture(
        "The noisy picture.",
        openapi.SEED,
        again=openapi.link("noise", "The same noise.", seed="$response.header.X-Noise-Seed"),
    )
    | openapi.problems(400, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload(),
)
async def noise(
    request: Request,
    service: ServiceOf,
    trace: TraceOf,
    share: ShareOf,
    options: Annotated[NoiseOptions, Query()],
) -> Response:
    """Answers the picture with noise added, clipped to its range, in a lossless format.

    The same picture, parameters and seed give the same bytes.
    """
    files, options = await read_image(request, share, options)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    async with (
        while_wanted(request, service.settings.timeout_seconds),
        service.sandbox.worker() as worker,
    ):
        with trace.stage("decode"), decoding():
            await opened(service, worker, trace, share, files)
            layout = await worker.decode(**limits_of(service))
        share.hold(weight(layout))
        with trace.stage("noise"):
            await worker.add_noise(
                factor=options.factor, kind=options.kind, channels=options.channels, seed=seed
            )
        with trace.stage("encode"):
            target = options.format_for(Format(layout.format), lossless=layout.lossless)
            file = await worker.encode(target, options.quality, strip=options.strips)
    share.hold(len(file.data))
    headers = {"X-Noise-Seed": str(seed)}
    return PictureResponse(file, "noisy", headers, seconds=service.settings.answer_seconds)


@router.post(
    "/compare",
    summary="Measure how far a picture is from a reference",
    responses=openapi.answer("The measures.") | openapi.problems(400, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload("reference", "image", raw=False),
)
async def compare(
    request: Request, service: ServiceOf, trace: TraceOf, share: ShareOf
) -> Comparison:
    """Answers RMSE, PSNR and SSIM on the 0..1 scale, whatever the bit depths.

    The two are of one width and height; grey is compared with colour as three equal channels.
    Where either is signed, of 32 bits or floating point beyond 0..1, the scale is the range that
    the reference fills.
    """
    files = await read_images(request, share, ("reference", "image"))
    async with (
        while_wanted(request, service.settings.timeout_seconds),
        service.sandbox.worker() as worker,
    ):
        with trace.stage("decode"), decoding():
            await opened(service, worker, trace, share, files)
            reference = await worker.decode(**limits_of(service))
            image = await worker.decode(**limits_of(service))
        share.hold(weight(reference) + weight(image))
        if image.sides != reference.sides:
            detail = f"The image has {image.sides} pixels, the reference {reference.sides}."
            raise invalid_body("image", detail)
        with trace.stage("compare"):
            rmse, psnr, ssim = await worker.compare()
    return Comparison(rmse=rmse, psnr=psnr if math.isfinite(psnr) else None, ssim=ssim)
