"""The operations on callers' files: denoise, add noise, compare.

All but the network runs in confined processes; memory is taken from the share of each request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.imaging.codec import Format, Header, UnsuitableFormat
from app.imaging.formats import FORMATS
from app.imaging.light import Transfer
from app.imaging.range import Range
from app.inference.denoiser import Denoiser
from app.inference.job import Progress
from app.sandbox.remote import SharedFile
from app.service import confined
from app.service.errors import SizesDiffer, TakesTooLong
from app.service.memory import Share
from app.service.options import DenoiseOptions, NoiseOptions
from app.service.service import Service
from app.service.trace import Trace


@dataclass(frozen=True, slots=True)
class DenoisedFile:
    """A denoised image as a file, and what was found on the way."""

    file: SharedFile
    model: str
    sigma: float
    """Standard deviation of the noise, as a fraction of `range`."""
    range: Range
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class NoisyFile:
    """An image with noise as a file, and the seed of the noise."""

    file: SharedFile
    seed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an image is from a reference, on the 0..1 scale."""

    rmse: float
    psnr: float
    """In dB; infinite for equal images."""
    ssim: float


async def denoise(
    service: Service,
    trace: Trace,
    share: Share,
    files: list[bytes],
    options: DenoiseOptions,
    progress: Progress | None = None,
) -> DenoisedFile:
    """Denoise the single file of the list, or the volumes of a zip; the list is emptied.

    With `progress`, it may take as long as it needs; without, it is refused at once if it cannot be
    done within `timeout_seconds`. Raises TakesTooLong, Overloaded, NeedsTooMuchMemory,
    ImagingError, WorkerLost, and as `Models.denoiser` does.
    """
    trace.model = service.models.denoiser(options.model, taken=True).card.name
    if len(files) > 1:
        return await _denoise_volumes(service, trace, share, files, options, progress)

    def admit(header: Header) -> None:
        if progress is None:
            _require_time(service, options, [header])

    return await _denoise(service, trace, share, files, options, progress, admit)


async def _denoise_volumes(
    service: Service,
    trace: Trace,
    share: Share,
    files: list[bytes],
    options: DenoiseOptions,
    progress: Progress | None,
) -> DenoisedFile:
    """Denoise volumes one after the other, into one zip; what is found is that of the largest."""
    headers = [await confined.look(service, file) for file in files]
    target = options.format_for(Format.DICOM_ZIP, lossless=False)
    if target is not Format.DICOM_ZIP:
        raise UnsuitableFormat(
            f"{target} cannot hold the {len(files)} volumes of the zip; send them one at a time."
        )
    if progress is None:
        _require_time(service, options, headers)
    else:
        progress.expected = sum(_tiles(service, options, header) for header in headers)
    done, tiles, pixels = list[DenoisedFile](), 0, 0
    for number, header in enumerate(headers):
        share.keep(sum(map(len, files[1:])) + sum(len(each.file.data) for each in done))
        if progress is not None:
            later = headers[number + 1 :]
            progress.later = sum(seconds_for(service, options, each) for each in later)
        volume = [files.pop(0)]
        done.append(await _denoise(service, trace, share, volume, options, progress, _admit_all))
        tiles, pixels = tiles + _tiles(service, options, header), pixels + header.size
        if progress is not None:
            progress.done = tiles  # those of a flat volume are never queued
    trace.pixels = pixels
    share.keep(0)
    share.hold(3 * sum(len(each.file.data) for each in done))
    async with service.sandbox.worker() as worker:
        joined = await worker.join([each.file for each in done])
    share.hold(len(joined.data))
    largest = max(range(len(headers)), key=lambda number: headers[number].size)
    return replace(done[largest], file=joined)


def _admit_all(_: Header) -> None:
    """Admit what was admitted with others."""


async def _denoise(
    service: Service,
    trace: Trace,
    share: Share,
    files: list[bytes],
    options: DenoiseOptions,
    progress: Progress | None,
    admit: confined.Admit,
) -> DenoisedFile:
    """Denoise the single file of the list."""
    shared = await confined.shared(service, trace, share, files, admit)
    picture, restored = shared.pixels, shared.room()
    denoiser = _denoiser(service, options, shared.layout.modality)
    trace.model = denoiser.card.name
    target = options.format_for(picture.format, lossless=shared.layout.lossless)
    encoding = FORMATS[target].encoding_bytes * shared.layout.size
    share.hold(confined.weight(shared.layout, options.axes, options.result) + encoding)
    result = await denoiser.denoise(
        picture, **options.correction, empty=restored.array, progress=progress
    )
    for stage, seconds in (("queue", result.timing.queue), ("infer", result.timing.infer)):
        trace.stages[stage] = trace.stages.get(stage, 0.0) + seconds
    with trace.stage("encode"):
        async with service.sandbox.worker() as worker:
            file, sigma = await worker.finish(
                shared,
                restored if result.restored is not result.view.pixels else None,
                target,
                options.quality,
                channels=result.restored.shape[-1],
                strength=options.shares,
                working_range=options.range,
                transfer=options.transfer,
                made=result.made,
                wanted=options.result,
                strip=options.strips,
            )
    share.hold(len(file.data))
    return DenoisedFile(file, denoiser.card.name, sigma, result.range, result.transfer)


async def add_noise(
    service: Service, trace: Trace, share: Share, files: list[bytes], options: NoiseOptions
) -> NoisyFile:
    """Add noise to the single file of the list, which is emptied.

    Raises Overloaded, NeedsTooMuchMemory, ImagingError and WorkerLost.
    """
    seed = options.seed_or_random()
    async with confined.kept(service, trace, share, files) as (worker, (layout,)):
        with trace.stage("noise"):
            await worker.add_noise(
                factor=options.factor, kind=options.kind, channels=options.channels, seed=seed
            )
        target = options.format_for(Format(layout.format), lossless=layout.lossless)
        share.hold(confined.weight(layout) + FORMATS[target].encoding_bytes * layout.size)
        with trace.stage("encode"):
            file = await worker.encode(target, options.quality, strip=options.strips)
    share.hold(len(file.data))
    return NoisyFile(file, seed)


async def compare(service: Service, trace: Trace, share: Share, files: list[bytes]) -> Difference:
    """Compare the two files of the list, a reference and an image; the list is emptied.

    Raises SizesDiffer, Overloaded, NeedsTooMuchMemory, ImagingError and WorkerLost.
    """
    async with confined.kept(service, trace, share, files) as (worker, (reference, image)):
        if image.sides != reference.sides:
            raise SizesDiffer(image.sides, reference.sides)
        with trace.stage("compare"):
            return Difference(*await worker.compare())


def seconds_for(service: Service, options: DenoiseOptions, header: Header) -> float:
    """Return how long the network takes for what a header declares, without waiting.

    Raises as `Models.denoiser` does.
    """
    return _seconds(_denoiser(service, options, header.modality), options, header)


def _seconds(denoiser: Denoiser, options: DenoiseOptions, header: Header) -> float:
    return denoiser.seconds_for(header.height, header.width, header.stack, options.axes)


def _tiles(service: Service, options: DenoiseOptions, header: Header) -> int:
    denoiser = _denoiser(service, options, header.modality)
    return denoiser.count(header.height, header.width, header.stack, options.axes)


def _denoiser(service: Service, options: DenoiseOptions, modality: str) -> Denoiser:
    return service.models.denoiser(options.model, modality, taken=True)


def _require_time(service: Service, options: DenoiseOptions, headers: Sequence[Header]) -> None:
    """Raise TakesTooLong for what would not be done in time even on an idle service."""
    limit = service.settings.timeout_seconds
    seconds = sum(seconds_for(service, options, header) for header in headers)
    if seconds <= limit:
        return
    times = {
        name: sum(_seconds(each, options, header) for header in headers)
        for name, each in service.models.loaded.items()
        if not each.card.historical
        and all(each.card.modality in (None, header.modality) for header in headers)
    }
    faster = min(times, key=times.__getitem__, default=None)
    in_time = faster is not None and times[faster] <= limit
    raise TakesTooLong(seconds, limit, faster if in_time else None)
