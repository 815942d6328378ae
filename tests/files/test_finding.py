import os
from pathlib import Path

import pytest
from PIL import Image

from app.console import Misuse
from app.files.finding import STANDARD, Source, Status, find, is_folder


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def targets(inputs, output=None):
    return [str(source.target) for source in find(inputs, output, "new")[0]]


def left_out(inputs, output=None):
    _, outcomes = find(inputs, output, "new")
    assert {outcome.status for outcome in outcomes} <= {Status.LEFT_OUT}
    return {outcome.source.name: outcome.reason for outcome in outcomes}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder, so that names are short."""
    monkeypatch.chdir(tmp_path)
    return Path()


def test_folders_are_searched_through_and_keep_their_shape(here):
    for name in ("b.png", "a/c.JPG", "a/d/e.tif"):
        save(here / "in" / name)
    assert targets([Path("in")], Path("out")) == ["out/a/c.JPG", "out/a/d/e.tif", "out/b.png"]
    assert targets([Path("in")]) == ["in.new/a/c.JPG", "in.new/a/d/e.tif", "in.new/b.png"]
    (target, *_) = targets([Path()])
    assert target == f"{here.resolve()}.new/in/a/c.JPG"


def test_a_result_has_a_name_of_its_own(here):
    names = [Path("a.jpg"), Path("b/c.old.TIFF"), Path("d")]
    assert targets(names) == ["a.new.jpg", "b/c.old.new.TIFF", "d.new"]
    assert targets(names, Path("out")) == ["out/a.jpg", "out/c.old.TIFF", "out/d"]
    assert [source.stem.name for source in find(names, None, "new")[0]] == [
        "a.new",
        "c.old.new",
        "d.new",
    ]
    assert find([Path("a.jpg")], Path("x.png"), "new")[0] == [
        Source(Path("a.jpg"), Path("x.png"), exact=True)
    ]


def test_results_are_not_taken_for_pictures_beside_them(here):
    for name in ("a.png", "a.new.png", "b.new.png"):
        save(here / name)
    inputs = [Path("*.png")]
    assert targets(inputs) == ["a.new.png", "b.new.new.png"]
    assert left_out(inputs) == {"a.new.png": "the result of another file"}
    assert len(targets(inputs, Path("out"))) == 3


def test_what_is_no_picture_by_its_name_is_left_out_by_name(here, tmp_path_factory):
    save(here / "in" / "a.png")
    for name in ("notes.txt", "b/movie.mp4", ".hidden"):
        save(here / "in" / "b" / "x.png")
        (here / "in" / name).touch()
    os.mkfifo(here / "in" / "pipe.png")
    (here / "in" / "link").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    kind = "not a supported kind of image"
    assert left_out([Path("in")], Path("out")) == {
        "notes.txt": kind,
        "movie.mp4": kind,
        ".hidden": kind,
        "pipe.png": "not a file",
        "link": "a link to a folder",
    }
    assert targets([Path("in")], Path("out")) == ["out/a.png", "out/b/x.png"]


def test_a_folder_that_cannot_be_read_is_told(here, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", "in/closed"))
        yield str(folder), [], ["a.png"]

    save(here / "in" / "a.png")
    monkeypatch.setattr("os.walk", walk)
    sources, (failed,) = find([Path("in")], None, "new")
    assert (failed.source, failed.reason) == (Path("in/closed"), "Permission denied")
    assert len(sources) == 1


@pytest.mark.parametrize("given", ["in", "in/*.png"])
def test_a_link_that_leads_nowhere_fails_alone(here, given):
    good = save(here / "in" / "z.png")
    for name, goal in (("a", "nowhere"), ("b", "b.png"), ("c", "c" * 300)):
        (here / "in" / f"{name}.png").symlink_to(goal)
    sources, failed = find([Path(given)], Path("out"), "new")
    assert good in [source.path for source in sources]
    assert {source.path for source in sources} | {outcome.source for outcome in failed} == {
        here / "in" / f"{name}.png" for name in "abcz"
    }


def test_a_folder_without_pictures_fails(here):
    (here / "in").mkdir()
    (here / "in" / "notes.txt").touch()
    sources, outcomes = find([Path("in")], None, "new")
    assert not sources
    assert [(o.source.name, o.status) for o in outcomes] == [
        ("notes.txt", Status.LEFT_OUT),
        ("in", Status.FAILED),
    ]
    save(here / "in" / "a.png")
    assert [o.status for o in find([Path("in")] * 2, None, "new")[1]] == [Status.LEFT_OUT] * 2


def test_wildcards(here):
    for name in ("a.png", "b.png", "c.jpg", "d/e.png"):
        save(here / name)
    sources, failed = find([Path("*.png"), Path("none*")], Path("out"), "new")
    assert [source.path.name for source in sources] == ["a.png", "b.png"]
    assert [(f.source, f.status, f.reason) for f in failed] == [
        (Path("none*"), Status.FAILED, "no image here")
    ]
    assert targets([Path("**/e.png")], Path("out")) == ["out/e.png"]


@pytest.mark.parametrize("name", ["**.png", "a" * 300])
def test_an_input_that_cannot_be_looked_for_is_told(tmp_path, name):
    sources, (failed,) = find([tmp_path / name], tmp_path / "out", "new")
    assert not sources
    assert failed.reason


def test_a_file_whose_name_has_a_wildcard_in_it(here):
    source = save(here / "[1].png")
    assert targets([source], Path("out")) == ["out/[1].png"]
    assert not is_folder([source], Path("out.png"))


def test_results_in_the_folder_itself_are_not_taken_again(here):
    save(here / "a.png")
    save(here / "out" / "a.png")
    assert targets([here], Path("out")) == ["out/a.png"]
    assert len(targets([here], here)) == 2


def test_two_results_of_one_name(here):
    first, second = save(here / "a" / "x.png"), save(here / "b" / "x.png")
    sources, (failed,) = find([first, second, first], Path("out"), "new")
    assert sources == [Source(first, Path("out/x.png"))]
    assert failed.source == second
    assert str(first) in (failed.reason or "")
    assert len(targets([first, second])) == 2


@pytest.mark.parametrize("inputs", [["a.png", "b.png"], ["folder"], ["*.png"]])
def test_more_than_one_file_goes_into_a_folder(here, inputs):
    save(here / "folder" / "x.png")
    given = [Path(name) for name in inputs]
    assert is_folder(given, Path("out"))
    assert not is_folder([Path("a.png")], Path("out.png"))
    assert is_folder([Path("a.png")], here)
    assert is_folder([Path("a.png")], Path("new"))
    with pytest.raises(Misuse, match="one image"):
        find(given, STANDARD, "new")


def test_standard_input_and_output(here):
    assert find([STANDARD], None, "new")[0] == [Source(STANDARD, STANDARD, exact=True)]
    assert find([STANDARD], Path("x.png"), "new")[0] == [
        Source(STANDARD, Path("x.png"), exact=True)
    ]
    assert targets([STANDARD], Path("out")) == ["out/stdin"]
    assert find([Path("a.png")], STANDARD, "new")[0] == [
        Source(Path("a.png"), STANDARD, exact=True)
    ]


def test_a_result_may_have_a_name_that_is_too_long(here):
    """Which whoever writes it will be told."""
    photo, long = save(Path("photo.png")), Path(f"{'a' * 300}.png")
    assert targets([photo], long) == [str(long)]
    _, (failed,) = find([long], Path("out.png"), "new")
    assert failed.reason == "File name too long"
