"""POST /jobs; GET, GET the result of, and DELETE a job."""

import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api import openapi
from app.api.dependencies import ServiceOf, TraceOf
from app.api.handlers import as_problem
from app.api.problems import problem
from app.api.routes.images import denoised_response
from app.api.schemas import JobStatus
from app.api.upload import read_image
from app.inference.job import Progress
from app.service import confined, operations
from app.service.jobs import Job, Operation, State, Status
from app.service.memory import Share
from app.service.operations import DenoisedFile
from app.service.options import DenoiseOptions
from app.service.service import Service
from app.service.trace import Trace
from app.service.work import Work

logger = logging.getLogger(__name__)

router = APIRouter(tags=["jobs"])

EVENTS = "text/event-stream"


async def _job(
    service: ServiceOf,
    trace: TraceOf,
    job_id: Annotated[
        str,
        Path(
            min_length=1,
            max_length=64,
            description="Id of the job, as in the response to POST /jobs.",
            examples=["0-mtwG5iRsXcYlBc0JdMfWvA"],
        ),
    ],
) -> Job:
    return service.jobs.find(job_id, trace.key)


JobOf = Annotated[Job, Depends(_job)]


@router.post(
    "/jobs",
    status_code=202,
    summary="Denoise an image in the background",
    response_model=JobStatus,
    response_model_exclude_none=True,
    responses=openapi.accepted(
        "The job, which has been queued.",
        job=openapi.link("get_job", "Its progress.", job_id="$response.body#/id"),
        result=openapi.link("get_result", "Its result.", job_id="$response.body#/id"),
        cancel=openapi.link("cancel_job", "Cancel it.", job_id="$response.body#/id"),
    )
    | openapi.problems(400, 404, 408, 413, 415, 422, 500, 503),
    openapi_extra=openapi.upload(),
)
async def create_job(
    request: Request,
    service: ServiceOf,
    trace: TraceOf,
    options: Annotated[DenoiseOptions, Query()],
) -> Response:
    """Take what /denoise takes, and respond as soon as the image has arrived.

    The job may take as long as it does. It is kept in memory, with its result, until some minutes
    after it has ended (DENOISER_JOB_SECONDS), and is lost with the process. One client has at most
    three quarters of all jobs (DENOISER_MAX_JOBS). When all places are taken, results that were
    fetched are forgotten first, then the oldest of the client that keeps most.
    """
    service.models.require_open()
    service.models.denoiser(options.model)  # refuses before the image is sent
    with ExitStack() as held:
        share = held.enter_context(service.memory.share(trace.client))
        (file,), options = await read_image(request, share, options)
        work = Work(service, trace, share)
        files = await confined.volumes(work, file)
        found = [await confined.look(work, each) for each in files]
        job = service.jobs.start(
            _denoising(service, Trace(trace.request_id, client=trace.client), files, options),
            held,
            owner=trace.key,
            client=trace.client,
            seconds=sum(operations.seconds_for(service, options, header) for header in found),
        )
    headers = {"Location": str(request.app.url_path_for("get_job", job_id=job.id))}
    return _status_response(service, job, trace, headers, status_code=202)


def _denoising(
    service: Service, trace: Trace, files: list[bytes], options: DenoiseOptions
) -> Operation:
    async def work(share: Share, progress: Progress) -> tuple[DenoisedFile, Trace]:
        trace.stages.clear()
        try:
            job = Work(service, trace, share)
            found = await operations.denoise(job, list(files), options, progress)
        except Exception as error:
            if as_problem(error).code == "internal-error":
                logger.exception("job failed")
            raise
        service.metrics.count_job(trace)
        return found, trace

    return work


@router.get(
    "/jobs/{job_id}",
    summary="Return the progress of a job",
    response_model=JobStatus,
    response_model_exclude_none=True,
    responses=openapi.events(
        "Its progress.",
        result=openapi.link("get_result", "Its result.", job_id="$response.body#/id"),
    )
    | openapi.problems(404, 422, 500, 503),
)
async def get_job(request: Request, service: ServiceOf, trace: TraceOf, job: JobOf) -> Response:
    """Return the progress once, or, with `Accept: text/event-stream`, each time it changes."""
    if EVENTS in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            _events(request, service, job, trace), media_type=EVENTS, headers=headers
        )
    return _status_response(service, job, trace, {"Cache-Control": "no-store"})


async def _events(request: Request, service: Service, job: Job, trace: Trace) -> AsyncIterator[str]:
    """Yield each change, until the job ends or the time to read a response is over."""
    if request.method == "HEAD":
        return
    async for status in service.jobs.changes(job, service.settings.answer_seconds):
        described = _described(job, status, trace)
        yield f"data: {described.model_dump_json(exclude_none=True)}\n\n"


@router.get(
    "/jobs/{job_id}/result",
    summary="Fetch the result of a job",
    response_class=Response,
    responses=openapi.denoised("The denoised image.") | openapi.problems(404, 409, 422, 500, 503),
)
async def get_result(request: Request, service: ServiceOf, trace: TraceOf, job: JobOf) -> Response:
    """Return what /denoise would have returned: the image, or the problem."""
    if job.error is not None:
        raise as_problem(job.error)
    if job.state is not State.DONE:
        raise problem("unfinished-job", state=job.state.value, percent=job.percent)
    found, _ = job.result
    trace.model = found.model
    response = denoised_response(found, service.settings.answer_seconds)
    response.background = BackgroundTask(_collected, request, job)
    return response


async def _collected(request: Request, job: Job) -> None:
    job.collected |= request.method == "GET"


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    summary="Cancel a job",
    response_class=Response,
    responses=openapi.no_content("It is gone, and its work with it.")
    | openapi.problems(404, 422, 500, 503),
)
async def cancel_job(service: ServiceOf, job: JobOf) -> Response:
    """Cancel the work that is left, and forget the job with its result."""
    await service.jobs.cancel(job)
    return Response(status_code=204)


def _status_response(
    service: Service, job: Job, trace: Trace, headers: dict[str, str], status_code: int = 200
) -> Response:
    described = _described(job, service.jobs.status(job), trace)
    return JSONResponse(described.model_dump(mode="json", exclude_none=True), status_code, headers)


def _described(job: Job, status: Status, trace: Trace) -> JobStatus:
    left = status.seconds_left
    return JobStatus(
        id=job.id,
        state=status.state,
        percent=status.percent,
        seconds_left=None if left is None else round(left, 1),
        stages=job.result[1].stages if status.state is State.DONE else None,
        problem=job.error and as_problem(job.error).describe(trace.request_id),
    )
