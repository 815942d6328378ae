"""What one running service consists of."""

from dataclasses import dataclass

from app.sandbox.pool import Sandbox
from app.service.memory import Memory
from app.service.metrics import Metrics
from app.service.models import Models
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The state of one service, which knows nothing of how it is asked."""

    settings: Settings
    models: Models
    memory: Memory
    metrics: Metrics
    sandbox: Sandbox

    @classmethod
    def create(cls, settings: Settings) -> "Service":
        """A service whose models are yet to be loaded."""
        models = Models(settings)
        memory = Memory(
            settings.memory_bytes, settings.max_requests, backlog=lambda: models.queued_seconds
        )
        sandbox = Sandbox(settings.codec_processes)
        return cls(settings, models, memory, Metrics(models, memory, sandbox), sandbox)
