"""The models of the service, from start to stop."""

import asyncio
import gc
import logging
from contextlib import suppress

from app.inference.batcher import Draining, Limits
from app.inference.denoiser import Denoiser
from app.inference.engines import EngineName
from app.inference.store import BadModelPackage, ModelPackage, chosen, read_packages
from app.service.errors import Broken, Failing, Loading, UnknownModel
from app.settings import Settings

logger = logging.getLogger(__name__)

PROBE_SECONDS = 1.0
"""Seconds between two tests of a failing model."""


class Models:
    """All packages in models_dir, loaded in the background while the socket is already open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._packages: dict[str, ModelPackage] = {}
        self.loaded: dict[str, Denoiser] = {}
        """The loaded models by name; replaced instead of changed, since other threads read it."""
        self.draining = self._closed = False
        self._unloadable: Exception | None = None

    @property
    def failure(self) -> BaseException | None:
        """Why the models can never be ready again; None while they can."""
        deaths = (denoiser.death for denoiser in self.loaded.values())
        return self._unloadable or next((death for death in deaths if death), None)

    @property
    def ready(self) -> bool:
        """Whether every model is loaded, warm and working, and `drain` has not been called."""
        return self._working and not self.draining

    @property
    def _working(self) -> bool:
        return self._all_loaded and not (self.failing or self.failure)

    @property
    def failing(self) -> list[str]:
        """The models whose network fails repeatedly."""
        return [name for name, denoiser in self.loaded.items() if denoiser.failing]

    @property
    def _all_loaded(self) -> bool:
        return bool(self._packages) and self.loaded.keys() == self._packages.keys()

    async def run(self) -> None:
        """Load the models, and keep testing those that fail."""
        await self.load()
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            await self._probe()

    @property
    def queued_seconds(self) -> float:
        """Estimated seconds until all queued work is done."""
        return max((denoiser.queued_seconds for denoiser in self.loaded.values()), default=0.0)

    async def load(self) -> None:
        """Read, load and warm all models once, in a thread; set `failure` if that is impossible.

        The default comes first, since the first model decides which engine is used.
        """
        if self._all_loaded or self.failure:
            return
        try:
            self._packages = await asyncio.to_thread(self._read)
            for name in sorted(self._packages, key=self._settings.model.__ne__):
                denoiser = await self._loaded(self._packages[name])
                self.loaded = self.loaded | {name: denoiser}
                engine, speed = denoiser.engine, denoiser.megapixels_per_second
                message = "model %s is loaded and warm, on %s: %.2g megapixels a second"
                logger.info(message, name, engine, speed)
            await asyncio.to_thread(_settle)
        except BadModelPackage as error:
            self._unloadable = error
            logger.critical("the models cannot be served: %s", error)
        except Exception as error:
            self._unloadable = error
            logger.critical("the models cannot be loaded", exc_info=True)

    def packages(self) -> dict[str, ModelPackage]:
        """Return the packages by name; raise Loading before they have been read."""
        if not self._packages:
            raise Loading
        return self._packages

    def package(self, name: str) -> ModelPackage:
        """Return a package; raise UnknownModel if there is none, and as `packages` does."""
        packages = self.packages()
        if name not in packages:
            raise UnknownModel(name, packages)
        return packages[name]

    def engine(self, name: str) -> EngineName | None:
        """Return the engine of the named model; None until it is loaded."""
        loaded = self.loaded.get(name)
        return loaded.engine if loaded else None

    def denoiser(self, name: str | None, modality: str = "") -> Denoiser:
        """Return the named model, or else the one for images of the modality.

        It serves those who were accepted before the service began to drain. Raises Broken, Loading
        and Failing, and as `package` does.
        """
        self._require_working()
        name = name or chosen(self.packages(), self._settings.model, modality)
        return self.loaded[self.package(name).name]

    def require_ready(self) -> None:
        """Raise Draining, Broken (if there is a `failure`), Loading or Failing, unless ready."""
        self.require_open()
        self._require_working()

    def _require_working(self) -> None:
        if self.failure:
            raise Broken
        if not self._all_loaded:
            raise Loading
        if self.failing:
            raise Failing

    def require_open(self) -> None:
        """Raise Draining once the service is stopping."""
        if self.draining:
            raise Draining

    def drain(self) -> None:
        """Refuse new requests; those in progress continue. Safe in a signal handler."""
        self.draining = True

    def reopen(self) -> None:
        """Reset everything after `close`, so that models can be loaded again.

        Before `close`, this does nothing.
        """
        if self._closed:
            self.draining = self._closed = False
            self._packages, self.loaded, self._unloadable = {}, {}, None

    async def close(self) -> None:
        """Stop the models; queued work is abandoned."""
        self.drain()
        self._closed = True
        for denoiser in self.loaded.values():
            await asyncio.to_thread(denoiser.close, 0.0)

    async def _probe(self) -> None:
        """Test failing models: they get no images, so nothing else detects that they recover."""
        for name in self.failing:
            try:
                await self.loaded[name].probe()
            except Exception as error:
                logger.error("model %s fails: %s", name, error)
            else:
                logger.info("model %s works again", name)

    def _read(self) -> dict[str, ModelPackage]:
        packages = read_packages(self._settings.models_dir)
        if self._settings.model not in packages:
            raise BadModelPackage(
                f"the default model {self._settings.model!r} is not in {self._settings.models_dir}"
            )
        return packages

    async def _loaded(self, package: ModelPackage) -> Denoiser:
        """Load a model in a thread; close it if the caller is cancelled meanwhile."""
        loading = asyncio.ensure_future(asyncio.to_thread(self._load, package))
        try:
            return await asyncio.shield(loading)
        except asyncio.CancelledError:
            with suppress(Exception):
                (await loading).close(0.0)
            raise

    def _load(self, package: ModelPackage) -> Denoiser:
        settings = self._settings
        limits = Limits(queue_pixels=settings.queue_pixels, deadline=settings.queue_seconds)
        return load_denoiser(package, settings, limits)


def load_denoiser(package: ModelPackage, settings: Settings, limits: Limits) -> Denoiser:
    """Load and warm a model, on the engine and in the precision of the settings."""
    return Denoiser.load(
        package,
        engine=settings.engine,
        precision=settings.precision,
        threads=settings.threads,
        limits=limits,
    )


def _settle() -> None:
    """Exempt everything long-lived from garbage collection.

    With TensorFlow loaded, a full collection takes 0.4 seconds, during which no request is served.
    It starts whenever enough objects are created, for instance by a request with many headers.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
