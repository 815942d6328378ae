"""POST /denoise, /noise and /compare."""

import math
import secrets
from dataclasses import replace
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api import openapi
from app.api.answer import PictureResponse
from app.api.problems import invalid_body
from app.api.schemas import Comparison, DenoiseOptions, NoiseOptions
from app.api.service import ServiceOf, ShareOf, TraceOf
from app.api.upload import read_image, read_images
from app.api.work import decoded, in_thread, while_wanted
from app.imaging.codec import Encoded, Picture
from app.imaging.metrics import psnr, rmse, ssim
from app.imaging.noise import add_noise
from app.imaging.range import robust
from app.imaging.scale import is_plain
from app.inference.denoiser import Denoised

router = APIRouter(tags=["pictures"])


@router.post(
    "/denoise",
    summary="Remove the noise from a picture",
    response_class=Response,
    responses=openapi.picture(
        "The denoised picture.",
        openapi.MODEL,
        openapi.SIGMA,
        openapi.RANGE,
        describe=openapi.link(
            "describe_model", "The model's card.", name="$response.header.X-Model"
        ),
    )
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
    denoiser = service.models.denoiser(options.model)
    trace.model = denoiser.card.name
    upload = await read_image(request, share)
    async with while_wanted(request, service.settings.timeout_seconds):
        (picture,) = await decoded(service, trace, share, upload)
        del upload
        result = await denoiser.denoise(
            picture, strength=options.shares, range_=options.working_range
        )
        trace.stages |= {"queue": result.timing.queue, "infer": result.timing.infer}
        with trace.stage("encode"):
            encoded, sigma = await in_thread(service, _finish, result, options)
    share.hold(len(encoded.data))
    headers = {
        "X-Model": denoiser.card.name,
        "X-Noise-Sigma": f"{sigma:.4f}",
        "X-Range": str(result.range),
    }
    return PictureResponse(encoded, "denoised", headers, seconds=service.settings.answer_seconds)


def _finish(result: Denoised, options: DenoiseOptions) -> tuple[Encoded, float]:
    return options.encode(result.picture), result.sigma


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
    seed = secrets.randbits(32) if options.seed is None else options.seed
    upload = await read_image(request, share)
    async with while_wanted(request, service.settings.timeout_seconds):
        (picture,) = await decoded(service, trace, share, upload)
        del upload
        with trace.stage("noise"):
            noisy = await in_thread(
                service,
                add_noise,
                picture.pixels,
                options.factor,
                kind=options.kind,
                channels=options.channels,
                seed=seed,
            )
        with trace.stage("encode"):
            encoded = await in_thread(service, options.encode, replace(picture, pixels=noisy))
    share.hold(len(encoded.data))
    headers = {"X-Noise-Seed": str(seed)}
    return PictureResponse(encoded, "noisy", headers, seconds=service.settings.answer_seconds)


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
    uploads = await read_images(request, share, ("reference", "image"))
    async with while_wanted(request, service.settings.timeout_seconds):
        reference, image = await decoded(service, trace, share, *uploads.values())
        uploads.clear()
        if (image.width, image.height) != (reference.width, reference.height):
            detail = (
                f"The image has {image.width}x{image.height} pixels, "
                f"the reference {reference.width}x{reference.height}."
            )
            raise invalid_body("image", detail)
        with trace.stage("compare"):
            comparison = await in_thread(service, _compare, reference, image)
    return comparison


def _compare(reference: Picture, image: Picture) -> Comparison:
    channels = max(reference.channels, image.channels)
    a, b = (
        np.broadcast_to(picture.pixels, (picture.height, picture.width, channels))
        for picture in (reference, image)
    )
    if not (is_plain(a) and is_plain(b)):
        a, b = (np.where(np.isfinite(each), each, 0) for each in (a, b))
        bounds = robust(a)
        a, b = bounds.to_unit(a), bounds.to_unit(b)
    decibels = psnr(a, b)
    return Comparison(
        rmse=rmse(a, b), psnr=decibels if math.isfinite(decibels) else None, ssim=ssim(a, b)
    )
