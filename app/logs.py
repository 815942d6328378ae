"""Structured logs: JSON lines for machines, text for a terminal."""

import logging
import os
import sys
import threading
from collections import deque
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor


def _without_colours(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second version of each message, which is for terminals."""
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

_TALKATIVE = ("python_multipart", "PIL", "absl", "httpx")
"""Libraries that log every bad upload or every request."""

MAX_LINES = 1000
"""The most lines that wait to be written."""
FLUSH_SECONDS = 1.0


class Unblocked(logging.Handler):
    """Write log lines from a separate thread, so that a reader that stalls blocks nobody.

    Lines that arrive while MAX_LINES are waiting are lost; their number is logged once there is
    room.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._lost = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line, or count it as lost; never wait."""
        try:
            line = self.format(record) + "\n"
        except Exception:
            self.handleError(record)
            return
        with self._changed:
            if len(self._lines) >= MAX_LINES:
                self._lost += 1
                return
            self._lines.append(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all lines are written, up to FLUSH_SECONDS."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines, FLUSH_SECONDS)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._lines))
                line, lost = self._lines[0], self._lost
            heard = self._write(line)
            with self._changed:
                self._lines.popleft()
                self._lost += not heard
                if lost and heard:
                    self._lost -= lost
                    self._lines.append(self._tell(lost))
                self._changed.notify_all()

    def _tell(self, lost: int) -> str:
        words = "log lines were lost"
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, words, None, None)
        record.lost = lost
        return self.format(record) + "\n"

    def _write(self, line: str) -> bool:
        """Write a line; return whether that was possible."""
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):  # no file behind it
            self._stream.write(line)
            return True
        data = line.encode(errors="backslashreplace")
        try:
            # Bypasses the buffer of the stream, whose lock the interpreter waits for at exit.
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError:  # the reader has gone
            return False
        return True


def configure_logs(level: str, style: Literal["auto", "json", "console"]) -> None:
    """Send all messages of the standard library's logging to standard error.

    A line contains the message as `event`, the fields of `extra`, and the request's id.
    """
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "json"
    # Tracebacks are plain text, since local variables would reveal callers' images.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderers: list[Processor] = [console]
    if style == "json":
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = Unblocked(sys.stderr)
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
