"""What the command line takes for pictures between stores, and what it says."""

import json

import pytest

from app.bulk.convert import asked_for
from app.bulk.results import read_rows
from app.bulk.store import Store
from app.cli import main
from app.console import FAILED, UNFINISHED
from app.service.options import DenoiseOptions
from tests.bulk.conftest import png

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def pictures(memory):
    for index in range(3):
        memory.pipe_file(f"/in/{index}.png", png(index))


def run(*arguments):
    return main(["denoise", *map(str, arguments)])


def test_between_urls(pictures, memory, capsys):
    assert run("memory://in", "memory://out") == 0
    assert "3 done, 0 skipped, 0 failed" in capsys.readouterr().err
    assert memory.exists("/out/0.png")
    memory.pipe_file("/in/bad.png", b"rubbish")
    assert run("memory://in", "-o", "memory://out", "--json") == FAILED
    printed = capsys.readouterr()
    assert [json.loads(line)["code"] for line in printed.out.splitlines()] == [
        "unsupported-media-type"
    ]
    assert "bad.png: Not an image" in printed.err


def test_between_folders(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    assert run(tmp_path / "in", tmp_path / "out", "--shard", "0/1") == 0
    (row,) = read_rows(Store(str(tmp_path / "out")))
    assert row.options == "model=blur"
    assert (tmp_path / "out" / "a.png").exists()


def test_a_store_that_fails_is_to_be_tried_again(pictures, memory, capsys, monkeypatch):
    monkeypatch.setattr("app.bulk.store.ATTEMPTS", 1)

    def fail(*_, **__):
        raise ConnectionError("no route")

    memory.pipe_file("/keys.txt", b"0.png")
    monkeypatch.setattr(type(memory), "_open", fail)
    assert run("memory://in", "memory://out", "--manifest", "memory://keys.txt") == UNFINISHED
    assert "cannot read the manifest memory://keys.txt: no route" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["memory://in"], "one SRC and one DST"),
        (["memory://in", "memory://b", "-o", "memory://out"], "one SRC and one DST"),
        (["memory://in", "memory://out", "--shard", "2/2"], "--shard: there is no shard 2 of 2"),
        (["memory://in", "memory://out", "--shard", "auto/2"], "JOB_COMPLETION_INDEX"),
        (["memory://in", "memory://out", "--retry-failed", "--manifest", "x"], "leave out"),
        (["memory://in", "memory://out", "--manifest", "memory://x.txt"], "cannot read memory://x"),
        (["memory://in", "memory://out", "--manifest", "nosuch://x"], "Protocol not known"),
        (["nosuch://in", "memory://out"], "nosuch://in: Protocol not known"),
    ],
)
def test_misuse(arguments, complaint, capsys, monkeypatch):
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_rows_tell_the_options_that_were_asked_for():
    options = DenoiseOptions(strength=0.5, ensemble=8, model="other", format="webp")
    assert asked_for(options, "blur") == "model=blur ensemble=8 format=webp strength=0.5"
