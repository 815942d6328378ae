"""Structured logs: JSON lines for machines, text for a terminal."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor


def _without_colours(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drops the second version of its messages that uvicorn has for terminals."""
    event.pop("color_message", None)
    return event


_PRE_CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.ExtraAdder(),
    _without_colours,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_TALKATIVE = ("python_multipart", "PIL", "absl")
"""Libraries that tell of every bad upload."""


def configure_logs(level: str, style: Literal["auto", "json", "console"]) -> None:
    """Sends every message of the standard library's logging to standard error.

    A line has the message as `event`, what `extra` named, and the request's id.
    """
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "json"
    # Tracebacks are plain text: with local variables they would hold callers' pictures.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderers: list[Processor] = [console]
    if style == "json":
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_PRE_CHAIN,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
