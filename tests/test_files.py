import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.files import PIXELS_AT_ONCE, Job, Source, Status, find, is_folder, run
from app.imaging.codec import Format, Picture, decode, encode


def save(path, side=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), 7, np.uint8)).save(path)
    return path


def job(output, **changes):
    defaults = {
        "read": lambda data: decode(data, max_pixels=10**6),
        "work": lambda picture: picture,
        "write": lambda picture, target: encode(picture, target).data,
        "format_for": lambda picture: picture.format,
        "format": None,
        "output": output,
        "into_folder": True,
    }
    return Job(**defaults | changes)


def names(sources):
    return [str(source.name) for source in sources]


def test_folders_are_searched_through_and_keep_their_shape(tmp_path):
    for name in ("b.png", "a/c.JPG", "a/d/e.tif"):
        save(tmp_path / "in" / name)
    (tmp_path / "in" / "readme.txt").touch()
    sources, failed = find([tmp_path / "in"], tmp_path / "out")
    assert names(sources) == ["a/c.JPG", "a/d/e.tif", "b.png"]
    assert not failed


def test_wildcards(tmp_path):
    for name in ("a.png", "b.png", "c.jpg", "d/e.png"):
        save(tmp_path / name)
    sources, failed = find([tmp_path / "*.png", tmp_path / "none*"], tmp_path / "out")
    assert names(sources) == ["a.png", "b.png"]
    assert [(f.source, f.status, f.reason) for f in failed] == [
        (tmp_path / "none*", Status.FAILED, "no picture here")
    ]
    assert names(find([tmp_path / "**" / "e.png"], tmp_path / "out")[0]) == ["e.png"]


@pytest.mark.parametrize("name", ["**.png", "a" * 300])
def test_an_input_that_cannot_be_looked_for_is_told(tmp_path, name):
    sources, (failed,) = find([tmp_path / name], tmp_path / "out")
    assert not sources
    assert failed.reason


def test_a_file_whose_name_has_a_wildcard_in_it(tmp_path):
    source = save(tmp_path / "[1].png")
    assert find([source], tmp_path / "out")[0] == [Source(source, Path("[1].png"))]
    assert not is_folder([source], tmp_path / "out.png")


def test_results_in_the_folder_itself_are_not_taken_again(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "out" / "a.png")
    assert names(find([tmp_path], tmp_path / "out")[0]) == ["a.png"]
    assert len(find([tmp_path], tmp_path)[0]) == 2


def test_two_results_of_one_name(tmp_path):
    first, second = save(tmp_path / "a" / "x.png"), save(tmp_path / "b" / "x.png")
    sources, (failed,) = find([first, second, first], tmp_path / "out")
    assert sources == [Source(first, Path("x.png"))]
    assert failed.source == second
    assert str(first) in (failed.reason or "")


def test_two_results_that_come_to_one_name_by_their_format(tmp_path):
    found = [
        Source(save(tmp_path / f"a.{suffix}"), Path(f"a.{suffix}")) for suffix in ("bmp", "png")
    ]
    for status in (Status.DONE, Status.SKIPPED):  # the picture whose own name it is has it
        outcomes = list(run(found, job(tmp_path / "out"), threads=2))
        assert [(o.source.suffix, o.status) for o in outcomes] == [
            (".png", status),
            (".bmp", Status.FAILED),
        ]
        assert outcomes[1].reason == f"the result would have the name of that of {found[1].path}"


def test_a_name_is_free_again_where_the_first_has_failed(tmp_path):
    found = [
        Source(save(tmp_path / f"a.{suffix}", 9), Path(f"a.{suffix}")) for suffix in ("bmp", "png")
    ]
    found[1].path.write_text("no picture")
    assert {o.source.suffix: o.status for o in run(found, job(tmp_path / "out"), threads=2)} == {
        ".png": Status.FAILED,
        ".bmp": Status.DONE,
    }


def test_no_input_is_ever_replaced(tmp_path):
    found = [
        Source(save(tmp_path / f"a.{suffix}"), Path(f"a.{suffix}")) for suffix in ("jpg", "png")
    ]
    before = {source.path: source.path.read_bytes() for source in found}
    here = job(tmp_path, overwrite=True, format_for=lambda _: Format.PNG)
    for outcome in run(found, here, threads=2):
        assert outcome.reason == f"the result would replace the input {found[1].path}"
    assert {source.path: source.path.read_bytes() for source in found} == before


@pytest.mark.parametrize("inputs", [["a.png", "b.png"], ["folder"], ["*.png"]])
def test_more_than_one_file_goes_into_a_folder(tmp_path, inputs):
    save(tmp_path / "folder" / "x.png")
    assert is_folder([tmp_path / name for name in inputs], tmp_path / "out")
    assert not is_folder([tmp_path / "a.png"], tmp_path / "out.png")
    assert is_folder([tmp_path / "a.png"], tmp_path)
    assert is_folder([tmp_path / "a.png"], tmp_path / "new")


def test_the_suffix_follows_the_format(tmp_path):
    source = Source(save(tmp_path / "a.png"), Path("x/a.png"))
    formats = {"format_for": lambda _: Format.WEBP}
    (outcome,) = run([source], job(tmp_path / "out", **formats), threads=1)
    target = tmp_path / "out" / "x" / "a.webp"
    assert outcome.target == target
    assert target.read_bytes()[8:12] == b"WEBP"
    assert outcome.pixels == 64


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    source = Source(save(tmp_path / "a.png"), Path("a.png"))

    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    (outcome,) = run([source], job(tmp_path / "out"), threads=1)
    assert outcome.status is Status.FAILED
    assert "No space left" in (outcome.reason or "")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_fault_of_the_work_does_not_stop_the_rest(tmp_path):
    sources = [Source(save(tmp_path / f"{i}.png", 8 + i), Path(f"{i}.png")) for i in range(4)]

    def work(picture: Picture) -> Picture:
        if picture.width == 9:
            raise RuntimeError("out of luck")
        return picture

    outcomes = {o.source.name: o for o in run(sources, job(tmp_path / "out", work=work), 2)}
    assert outcomes["1.png"].reason == "RuntimeError: out of luck"
    assert sum(o.status is Status.DONE for o in outcomes.values()) == 3


def test_pictures_in_memory_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("app.files.PIXELS_AT_ONCE", 150)
    assert PIXELS_AT_ONCE > 150
    sources = [Source(save(tmp_path / f"{i}.png"), Path(f"{i}.png")) for i in range(6)]
    sources.append(Source(save(tmp_path / "large.png", 20), Path("large.png")))
    lock, held, most = threading.Lock(), [], []

    def work(picture: Picture) -> Picture:
        with lock:
            held.append(picture.size)
            most.append(tuple(held))
        threading.Event().wait(0.01)
        with lock:
            held.remove(picture.size)
        return picture

    outcomes = list(run(sources, job(tmp_path / "out", work=work), threads=7))
    assert all(outcome.status is Status.DONE for outcome in outcomes)
    assert all(sum(sizes) <= 150 or len(sizes) == 1 for sizes in most)
    assert any(len(sizes) > 1 for sizes in most)
