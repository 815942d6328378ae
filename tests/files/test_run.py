import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.files.finding import Source, Status
from app.files.run import Conversion, Worked, run
from app.imaging.codec import decode, encode, read_header
from app.imaging.picture import Format, Picture
from app.inference.job import Progress
from app.service.room import Room


def save(path, side=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), 7, np.uint8)).save(path)
    return path


def conversion(**changes):
    defaults: dict[str, Any] = {
        "read_header": read_header,
        "read": lambda data: decode(data, max_pixels=10**6),
        "work": lambda picture, progress: Worked(picture),
        "write": encode,
        "format_for": lambda picture: picture.format,
        "format": None,
    }
    return Conversion(**defaults | changes)


def test_two_results_that_come_to_one_name_by_their_format(tmp_path):
    found = [
        Source(save(tmp_path / f"a.{suffix}"), tmp_path / "out" / f"a.{suffix}")
        for suffix in ("bmp", "png")
    ]
    for status in (Status.DONE, Status.SKIPPED):  # the picture whose own name it is has it
        outcomes = list(run(found, conversion(), threads=2))
        assert [(o.source.suffix, o.status) for o in outcomes] == [
            (".png", status),
            (".bmp", Status.FAILED),
        ]
        assert (
            outcomes[1].reason == f"the result would have the same name as that of {found[1].path}"
        )


def test_a_result_may_have_the_longest_name(tmp_path):
    source = save(tmp_path / f"{'a' * 251}.png")
    (outcome,) = run([Source(source, tmp_path / "out" / source.name)], conversion(), threads=1)
    assert (outcome.status, outcome.reason) == (Status.DONE, None)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [source.name]


def test_a_link_that_leads_nowhere_fails_alone(tmp_path):
    names = {"nowhere": "none", "itself": "itself.png", "too-long": "a" * 300}
    for name, goal in names.items():
        (tmp_path / f"{name}.png").symlink_to(goal)
    save(tmp_path / "good.png")
    found = [
        Source(tmp_path / f"{name}.png", tmp_path / "out" / f"{name}.png")
        for name in (*names, "good")
    ]
    outcomes = {o.source.stem: o for o in run(found, conversion(), threads=2)}
    assert {name: o.status for name, o in outcomes.items()} == {
        **dict.fromkeys(names, Status.FAILED),
        "good": Status.DONE,
    }
    assert all(outcomes[name].reason for name in names)


def test_a_name_is_free_again_where_the_first_has_failed(tmp_path):
    found = [
        Source(save(tmp_path / f"a.{suffix}", 9), tmp_path / "out" / f"a.{suffix}")
        for suffix in ("bmp", "png")
    ]
    found[1].path.write_text("no picture")
    assert {o.source.suffix: o.status for o in run(found, conversion(), threads=2)} == {
        ".png": Status.FAILED,
        ".bmp": Status.DONE,
    }


def test_no_input_is_ever_replaced(tmp_path):
    found = [
        Source(save(tmp_path / f"a.{suffix}"), tmp_path / f"a.{suffix}")
        for suffix in ("jpg", "png")
    ]
    before = {source.path: source.path.read_bytes() for source in found}
    here = conversion(overwrite=True, format_for=lambda _: Format.PNG)
    for outcome in run(found, here, threads=2):
        assert outcome.reason == f"the result would replace the input {found[1].path}"
    assert {source.path: source.path.read_bytes() for source in found} == before


def test_the_suffix_follows_the_format(tmp_path):
    source = Source(save(tmp_path / "a.png"), tmp_path / "out" / "x" / "a.png")
    formats = {"format_for": lambda _: Format.WEBP}
    (outcome,) = run([source], conversion(**formats), threads=1)
    target = tmp_path / "out" / "x" / "a.webp"
    assert outcome.target == target
    assert target.read_bytes()[8:12] == b"WEBP"
    assert outcome.pixels == 64


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    source = Source(save(tmp_path / "a.png"), tmp_path / "out" / "a.png")

    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    (outcome,) = run([source], conversion(), threads=1)
    assert outcome.status is Status.FAILED
    assert "No space left" in (outcome.reason or "")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_result_that_cannot_be_written_is_named(tmp_path):
    target = tmp_path / "file" / "a.png"
    target.parent.write_text("no folder")
    (outcome,) = run([Source(save(tmp_path / "a.png"), target)], conversion(), threads=1)
    assert outcome.status is Status.FAILED
    assert outcome.reason == f"{target} cannot be written: File exists"


def test_a_fault_of_the_work_does_not_stop_the_rest(tmp_path):
    sources = [
        Source(save(tmp_path / f"{i}.png", 8 + i), tmp_path / "out" / f"{i}.png") for i in range(4)
    ]

    def work(picture: Picture, _: Progress) -> Worked:
        if picture.width == 9:
            raise RuntimeError("out of luck")
        return Worked(picture)

    outcomes = {o.source.name: o for o in run(sources, conversion(work=work), 2)}
    assert outcomes["1.png"].reason == "RuntimeError: out of luck"
    assert sum(o.status is Status.DONE for o in outcomes.values()) == 3


def test_pictures_in_memory_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("app.files.run.Room", lambda limit=150: Room(limit))
    sources = [Source(save(tmp_path / f"{i}.png"), tmp_path / "out" / f"{i}.png") for i in range(6)]
    sources.append(Source(save(tmp_path / "large.png", 20), tmp_path / "out" / "large.png"))
    lock, held, most, together = threading.Lock(), [], [], threading.Event()

    def work(picture: Picture, _: Progress) -> Worked:
        with lock:
            held.append(picture.size)
            most.append(tuple(held))
            if len(held) > 1:
                together.set()
        if picture.size <= 150:
            together.wait(30)
        with lock:
            held.remove(picture.size)
        return Worked(picture)

    outcomes = list(run(sources, conversion(work=work), threads=7))
    assert all(outcome.status is Status.DONE for outcome in outcomes)
    assert all(sum(sizes) <= 150 or len(sizes) == 1 for sizes in most)
    assert any(len(sizes) > 1 for sizes in most)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    for name, too_many in (("large.png", 1), ("in.png", 0)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(16 * 100 + too_many)
    sources = [
        Source(tmp_path / name, tmp_path / "out" / name)
        for name in ("in.png", "large.png", "absent.png")
    ]
    reasons = {
        o.source.name: o.reason or "" for o in run(sources, conversion(max_pixels=100), threads=2)
    }
    assert reasons["large.png"].startswith("The file has more than 1600 bytes, 16 for each of")
    assert "bytes" not in reasons["in.png"]
    assert reasons["absent.png"] == "No such file or directory"


def test_a_stop_finishes_what_is_written_and_begins_nothing(tmp_path):
    sources = [
        Source(save(tmp_path / f"{i}.png", 8 + i), tmp_path / "out" / f"{i}.png") for i in range(4)
    ]
    go_on = threading.Event()

    def work(picture: Picture, _: Progress) -> Worked:
        if picture.width > 8:
            go_on.wait(60)
        return Worked(picture)

    outcomes = run(sources, conversion(work=work), threads=4)
    assert next(outcomes).status is Status.DONE
    began = time.monotonic()
    outcomes.close()
    assert time.monotonic() - began < 20  # and not as long as the work takes
    go_on.set()
    deadline = time.monotonic() + 10
    while any(t.name.startswith("file") for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0.png"]
