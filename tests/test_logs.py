import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from app.logs import configure_logs


@pytest.fixture(autouse=True)
def restored():
    """Logging as it was before, once the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


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
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
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
    text = capsys.readouterr().err
    assert "KeyError" in text
    assert "a secret" not in text.replace('b"a secret"', "")
    logging.getLogger("app.somewhere").debug("seen", extra={"pixels": 12})
    line = capsys.readouterr().err
    assert "seen" in line
    assert "pixels=12" in line


def test_what_is_no_terminal_gets_json(capsys):
    configure_logs("info", "auto")
    logging.getLogger("app").info("hello")
    assert json.loads(capsys.readouterr().err)["event"] == "hello"
