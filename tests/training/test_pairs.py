import re

import numpy as np
import pytest
from PIL import Image

from app.imaging.picture import ImagingError
from training.errors import TrainingError
from training.pairs import Pair, pairs, read_pair


@pytest.fixture
def save(tmp_path):
    """Writes pictures of one pixel, or of another size, below the test's folder."""

    def write(*names, size=(1, 1)):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (9, 9, 9)).save(path)
        return tmp_path

    return write


def names(root, found):
    return [tuple(str(p.relative_to(root)) for p in (pair.noisy, pair.clean)) for pair in found]


def test_patterns_match_where_the_wildcards_stand_for_the_same(save):
    root = save("set/b_real.png", "set/b_mean.png", "set/a_real.png", "set/a_mean.png")
    save("set/other.png")
    found = pairs(root, "set/*_real.png", "set/*_mean.png")
    assert names(root, found) == [
        ("set/a_real.png", "set/a_mean.png"),
        ("set/b_real.png", "set/b_mean.png"),
    ]


def test_folders_match_by_name_whatever_the_suffix(save):
    root = save("noisy/x/1.jpg", "noisy/2.png", "clean/x/1.png", "clean/2.png")
    found = pairs(root, "noisy", "clean")
    assert names(root, found) == [
        ("noisy/2.png", "clean/2.png"),
        ("noisy/x/1.jpg", "clean/x/1.png"),
    ]


def test_two_stars_stand_for_any_folders_and_a_question_mark_for_one_letter(save):
    root = save("n/1.png", "n/x/y/2.png", "c/1.png", "c/x/y/2.png")
    assert len(pairs(root, "n/**/*.png", "c/**/*.png")) == 2
    assert len(pairs(root, "n/?.png", "c/?.png")) == 1


def test_what_pattern_letters_mean_elsewhere_is_plain_here(save):
    root = save("(a+b)/1.n.png", "(a+b)/1.c.png", "(a+b)/1xn.png")
    assert len(pairs(root, "(a+b)/*.n.png", "(a+b)/*.c.png")) == 1


def test_an_absolute_path_is_taken_as_it_is(save, tmp_path):
    root = save("noisy/1.png", "clean/1.png")
    found = pairs(tmp_path / "elsewhere", str(root / "noisy"), str(root / "clean" / "*.png"))
    assert names(root, found) == [("noisy/1.png", "clean/1.png")]


def test_odd_files_are_named(save):
    root = save("noisy/1.png", "noisy/2.png", "clean/1.png", "clean/3.png")
    with pytest.raises(TrainingError) as caught:
        pairs(root, "noisy", "clean")
    assert str(root / "noisy/2.png") in str(caught.value)
    assert str(root / "clean/3.png") in str(caught.value)
    assert "1.png" not in str(caught.value)


def test_two_partners_are_as_odd_as_none(save):
    root = save("noisy/1.png", "clean/1.png", "clean/1.jpg")
    with pytest.raises(TrainingError, match=r"clean/1\.jpg, .*clean/1\.png"):
        pairs(root, "noisy", "clean")


def test_many_odd_files_are_counted(save):
    root = save(*(f"noisy/{index}.png" for index in range(9)), "clean/0.png")
    with pytest.raises(TrainingError, match="and 3 more"):
        pairs(root, "noisy", "clean")


@pytest.mark.parametrize(
    ("noisy", "words"),
    [("none", "there is no folder"), ("set/*_x.png", r"no image files match .*set/\*_x\.png")],
)
def test_no_files_are_an_error(save, noisy, words):
    root = save("set/1.png")
    with pytest.raises(TrainingError, match=words):
        pairs(root, noisy, "set")


def test_a_pair_is_read(save):
    root = save("n.png", "c.png", size=(3, 2))
    noisy, clean = read_pair(Pair(root / "n.png", root / "c.png"))
    assert noisy.shape == (2, 3, 3)
    np.testing.assert_array_equal(noisy, clean)


def test_a_pair_of_two_sizes_is_refused(save):
    root = save("n.png", size=(3, 2))
    save("c.png", size=(2, 3))
    with pytest.raises(ImagingError, match=re.escape(f"3x2, and its partner {root / 'c.png'} 2x3")):
        read_pair(Pair(root / "n.png", root / "c.png"))


def test_the_partner_that_cannot_be_read_is_named(save):
    root = save("n.png")
    (root / "c.png").write_text("text")
    with pytest.raises(ImagingError, match=r"partner .*c\.png is unreadable"):
        read_pair(Pair(root / "n.png", root / "c.png"))
