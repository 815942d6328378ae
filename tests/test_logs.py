import json
import logging
import os
import time

import pytest
from structlog.contextvars import bound_contextvars

from app.logs import FLUSH_SECONDS, MAX_LINES, Unblocked, configure_logs


@pytest.fixture(autouse=True)
def restored():
    """Logging as it was before, once the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def written(capsys):
    """What has been logged, once it has been written."""
    logging.getLogger().handlers[0].flush()
    return capsys.readouterr().err


def test_json_lines(capsys):
    configure_logs("info", "json")
    logger = logging.getLogger("app.somewhere")
    logger.debug("unseen")
    with bound_contextvars(request_id="abc"):
        logger.info("request", extra={"path": '/a"\n{"level": "critical"}'})
    picture = b"a secret"
    try:
        raise KeyError("k", len(picture))
    except KeyError:
        logger.exception("it failed")
    first, second = map(json.loads, written(capsys).splitlines())
    assert first["path"] == '/a"\n{"level": "critical"}'
    assert (first["event"], first["request_id"], first["level"]) == ("request", "abc", "info")
    assert first["timestamp"].endswith("Z")
    assert "KeyError: ('k', 8)" in second["exception"]
    assert "a secret" not in second["exception"]


def test_text(capsys):
    configure_logs("debug", "console")
    try:
        picture = b"a secret"
        raise KeyError("k", len(picture))
    except KeyError:
        logging.getLogger("app").exception("it failed")
    text = written(capsys)
    assert "KeyError" in text
    assert "a secret" not in text.replace('b"a secret"', "")
    logging.getLogger("app.somewhere").debug("seen", extra={"pixels": 12})
    line = written(capsys)
    assert "seen" in line
    assert "pixels=12" in line


def test_what_is_no_terminal_gets_json(capsys):
    configure_logs("info", "auto")
    logging.getLogger("app").info("hello")
    assert json.loads(written(capsys))["event"] == "hello"


def test_a_reader_that_stops_reading_stops_nobody():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        handler = Unblocked(stream)
        logger = logging.Logger("a test")
        logger.addHandler(handler)
        for _ in range(2 * MAX_LINES):  # more than the pipe and the queue hold
            logger.warning("x" * 1000)
        lines, data = 0, b""
        while b"lost" not in data:
            data = os.read(reading, 1 << 16)
            lines += data.count(b"x\n")
        handler.flush()
        assert MAX_LINES <= lines < 2 * MAX_LINES
        logger.warning("again")
        handler.flush()
        assert os.read(reading, 1 << 16).endswith(b"again\n")
    os.close(reading)


def test_a_reader_that_has_gone_stops_nobody():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        handler = Unblocked(stream)
        for _ in range(3):
            handler.emit(logging.makeLogRecord({"msg": "unheard"}))
            began = time.monotonic()
            handler.flush()
            assert time.monotonic() - began < FLUSH_SECONDS
