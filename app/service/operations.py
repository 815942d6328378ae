"""The operations on callers' files: denoise, add noise, compare.

Everything except the network runs in confined processes, within the memory share of each request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.imaging.formats import FORMATS
from app.imaging.light import Transfer
from app.imaging.orientation import ENSEMBLES
from app.imaging.picture import Format, Header, UnsuitableFormat
from app.imaging.range import Range
from app.inference.denoised import Denoised
from app.inference.denoiser import Denoiser
from app.inference.job import Progress
from app.sandbox.handles import SharedFile, SharedPicture
from app.sandbox.rendering import Rendering
from app.sandbox.shared import Area
from app.service import confined
from app.service.errors import SizesDiffer, TakesTooLong
from app.service.options import DenoiseOptions, NoiseOptions
from app.service.service import Service
from app.service.work import Work


@dataclass(frozen=True, slots=True)
class DenoisedFile:
    """A denoised image as a file, and facts about it."""

    file: SharedFile
    model: str
    sigma: float
    """Standard deviation of the noise, as a fraction of `range`."""
    range: Range
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class NoisyFile:
    """A noisy image as a file, and the seed of the noise."""

    file: SharedFile
    seed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of an image from a reference, on the 0..1 scale."""

    rmse: float
    psnr: float
    """In dB; infinite for equal images."""
    ssim: float


async def denoise(
    work: Work, files: list[bytes], options: DenoiseOptions, progress: Progress | None = None
) -> DenoisedFile:
    """Denoise the single file of the list, or the volumes of a zip; the list is emptied.

    With `progress`, this may take as long as it needs; without, it is refused at once if it cannot
    be done within `timeout_seconds`. Raises TakesTooLong, Overloaded, NeedsTooMuchMemory,
    ImagingError, WorkerLost, and as `Models.denoiser` does.
    """
    work.trace.model = work.service.models.denoiser(options.model).card.name
    denoising = _Denoising(work, options, progress)
    if len(files) > 1:
        return await denoising.volumes(files)
    return await denoising.image(files, lambda header: denoising.admit([header]))


@dataclass(frozen=True, slots=True)
class _Denoising:
    """The work of `denoise`."""

    work: Work
    options: DenoiseOptions
    progress: Progress | None

    async def volumes(self, files: list[bytes]) -> DenoisedFile:
        """Denoise volumes one after the other, into one zip, with the facts about the largest.

        The list is emptied.
        """
        headers = [await confined.look(self.work, file) for file in files]
        target = self.options.format_for(Format.DICOM_ZIP, lossless=False)
        if target is not Format.DICOM_ZIP:
            raise UnsuitableFormat(
                f"{target} cannot hold the {len(files)} volumes of the zip; send them one at a "
                "time."
            )
        self.admit(headers)
        done = list[DenoisedFile]()
        for number in range(len(headers)):
            self._update_progress(headers, number)
            self.work.share.keep(sum(map(len, files[1:])) + _bytes(done))
            done.append(await self.image([files.pop(0)], _admit_all))
        self._update_progress(headers, len(headers))
        self.work.trace.pixels = sum(header.size for header in headers)
        largest = max(range(len(headers)), key=lambda number: headers[number].size)
        return replace(done[largest], file=await self._joined(done))

    def _update_progress(self, headers: list[Header], done: int) -> None:
        """Update the progress, given how many volumes are done.

        All tiles of these count, even those of a flat volume, which are never queued.
        """
        if self.progress is not None:
            tiles = list(map(self._tiles, headers))
            self.progress.expected, self.progress.done = sum(tiles), sum(tiles[:done])
            self.progress.later = sum(map(self._seconds, headers[done + 1 :]))

    async def _joined(self, volumes: list[DenoisedFile]) -> SharedFile:
        """Return a zip of the volumes."""
        share = self.work.share
        share.keep(0)
        share.hold(3 * _bytes(volumes))
        async with self.work.worker() as worker:
            joined = await worker.join([each.file for each in volumes])
        share.hold(len(joined.data))
        return joined

    async def image(self, files: list[bytes], admit: confined.Admit) -> DenoisedFile:
        """Denoise the single file of the list, which is emptied, if `admit` accepts its header."""
        trace, share = self.work.trace, self.work.share
        shared = await confined.shared(self.work, files, admit)
        picture, restored = shared.pixels, shared.room()
        denoiser = _denoiser(self.work.service, self.options, shared.layout.modality)
        trace.model = denoiser.card.name
        target = self.options.format_for(picture.format, lossless=shared.layout.lossless)
        encoding = FORMATS[target].encoding_bytes * shared.layout.size
        weight = confined.weight(shared.layout, self.options)
        share.hold(weight + encoding)
        result = await denoiser.denoise(
            picture,
            self.options.correction,
            empty=restored.array,
            progress=self.progress,
            client=trace.client,
        )
        for stage, seconds in (("queue", result.timing.queue), ("infer", result.timing.infer)):
            trace.stages[stage] = trace.stages.get(stage, 0.0) + seconds
        changed = restored if result.restored is not result.view.pixels else None
        with trace.stage("encode"):
            file, sigma = await self._encoded(shared, changed, target, result)
        share.hold(len(file.data))
        return DenoisedFile(file, denoiser.card.name, sigma, result.range, result.transfer)

    async def _encoded(
        self, shared: SharedPicture, restored: Area | None, target: Format, result: Denoised
    ) -> tuple[SharedFile, float]:
        """Return the result as a file, and the noise found."""
        options = self.options
        rendering = Rendering(
            channels=result.restored.shape[-1],
            strength=options.shares,
            working_range=options.range,
            transfer=options.transfer,
            made=result.made,
            wanted=options.result,
        )
        async with self.work.worker() as worker:
            return await worker.finish(
                shared, restored, rendering, target, options.quality, strip=options.strips
            )

    def admit(self, headers: Sequence[Header]) -> None:
        """Raise TakesTooLong for a request that is too slow even on an idle service."""
        limit = self.work.service.settings.timeout_seconds
        seconds = sum(map(self._seconds, headers))
        if self.progress is None and seconds > limit:
            raise TakesTooLong(seconds, limit, self._faster(headers, seconds, limit))

    def _faster(self, headers: Sequence[Header], seconds: float, limit: float) -> str | None:
        """Return the parameter with which a request of `seconds` would be within the limit, if
        any.
        """
        share = limit / seconds * self.options.ensemble
        if share >= 1:
            return f"ensemble={max(size for size in ENSEMBLES if size <= share)}"
        times = {
            name: sum(_seconds(each, self.options, header) for header in headers)
            for name, each in self.work.service.models.loaded.items()
            if not each.card.historical
            and all(each.card.modality in (None, header.modality) for header in headers)
        }
        faster = min(times, key=times.__getitem__, default=None)
        in_time = faster is not None and times[faster] <= limit
        return f"model={faster}" if in_time else None

    def _seconds(self, header: Header) -> float:
        return seconds_for(self.work.service, self.options, header)

    def _tiles(self, header: Header) -> int:
        denoiser = _denoiser(self.work.service, self.options, header.modality)
        passes = self.options.axes, self.options.ensemble
        return denoiser.count(header.height, header.width, header.stack, *passes)


def _admit_all(_: Header) -> None:
    """Accept any header, since all volumes were admitted together."""


def _bytes(files: list[DenoisedFile]) -> int:
    return sum(len(each.file.data) for each in files)


def seconds_for(service: Service, options: DenoiseOptions, header: Header) -> float:
    """Estimate the seconds that the network takes for the image of a header, without waiting.

    Raises as `Models.denoiser` does.
    """
    return _seconds(_denoiser(service, options, header.modality), options, header)


def _seconds(denoiser: Denoiser, options: DenoiseOptions, header: Header) -> float:
    passes = options.axes, options.ensemble
    return denoiser.seconds_for(header.height, header.width, header.stack, *passes)


def _denoiser(service: Service, options: DenoiseOptions, modality: str) -> Denoiser:
    return service.models.denoiser(options.model, modality)


async def add_noise(work: Work, files: list[bytes], options: NoiseOptions) -> NoisyFile:
    """Add noise to the single file of the list, which is emptied.

    Raises Overloaded, NeedsTooMuchMemory, ImagingError and WorkerLost.
    """
    seed = options.seed_or_random()
    async with confined.kept(work, files) as (worker, (layout,)):
        with work.trace.stage("noise"):
            await worker.add_noise(
                factor=options.factor, kind=options.kind, channels=options.channels, seed=seed
            )
        target = options.format_for(Format(layout.format), lossless=layout.lossless)
        work.share.hold(confined.weight(layout) + FORMATS[target].encoding_bytes * layout.size)
        with work.trace.stage("encode"):
            file = await worker.encode(target, options.quality, strip=options.strips)
    work.share.hold(len(file.data))
    return NoisyFile(file, seed)


async def compare(work: Work, files: list[bytes]) -> Difference:
    """Compare the two files of the list, a reference and an image; the list is emptied.

    Raises SizesDiffer, Overloaded, NeedsTooMuchMemory, ImagingError and WorkerLost.
    """
    async with confined.kept(work, files) as (worker, (reference, image)):
        if image.sides != reference.sides:
            raise SizesDiffer(image.sides, reference.sides)
        with work.trace.stage("compare"):
            return Difference(*await worker.compare())
