"""Structured logs: JSON lines for machines, text for a terminal."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

_PRE_CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.ExtraAdder(),
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
    renderers: list[Processor] = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    if style == "json":
        renderers = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
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
