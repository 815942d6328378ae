from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.split import group, split, split_files, split_groups, thumbnail


def noise(seed, side=32, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(dtype)


def names(count):
    return [Path(f"{index:03}.png") for index in range(count)]


def test_file_by_file_it_is_scikit_learns_split():
    """These figures are what `train_test_split(range(253), test_size=0.25, ...)` gives."""
    training, held_out = split_files(names(253), 0.25)
    assert held_out[:5] == [208, 6, 79, 204, 117]
    assert (len(training), len(held_out)) == (189, 64)
    assert sorted(training + held_out) == list(range(253))


def test_files_are_split_alike_wherever_their_order_comes_from():
    files = [Path("a/Z.png"), Path("a/b.png"), Path("A/c.png"), Path("B/a.png"), Path("b/B.png")]
    parts = [{files[index] for index in part} for part in split_files(files, 0.4)]
    again = files[::-1]
    assert parts == [{again[index] for index in part} for part in split_files(again, 0.4)]
    ordered = [Path("A/b.png"), Path("a/c.png"), Path("a/Z.png"), Path("B/a.png"), Path("b/B.png")]
    assert split_files(ordered, 0.4) == split_files(names(5), 0.4)


@given(
    labels=st.lists(st.integers(0, 8), min_size=1, max_size=40),
    share=st.floats(0, 0.9),
)
def test_groups_are_not_parted(labels, share):
    training, held_out = split_groups(labels, share)
    assert sorted(training + held_out) == list(range(len(labels)))
    assert not {labels[i] for i in training} & {labels[i] for i in held_out}
    assert len(held_out) <= round(share * len(labels))
    assert split_groups(labels, share) == (training, held_out)


def test_near_duplicates_share_a_group():
    picture = noise(1)
    brighter = (picture * 0.8 + 40).astype(np.uint8)
    labels = group([thumbnail(p) for p in (noise(0), picture, noise(2), brighter)])
    assert labels == [0, 1, 2, 1]


def test_likeness_is_passed_on():
    """Neighbours in a chain are 10 degrees apart (0.985), its ends 30 (0.87)."""
    chain = []
    for degrees in (0, 10, 20, 30, 90):
        vector = np.zeros(256, np.float32)
        vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        chain.append(vector)
    assert group(chain) == [0, 0, 0, 0, 1]


def test_flat_pictures_are_like_no_other():
    flat = np.full((20, 20, 3), 7, np.uint8)
    assert group([thumbnail(flat), thumbnail(flat)]) == [0, 1]


def test_a_thumbnail_does_not_depend_on_the_depth():
    picture = noise(0)
    deep = picture.astype(np.uint16) * 257
    np.testing.assert_array_equal(thumbnail(picture), thumbnail(deep))


@pytest.mark.parametrize("how", ["groups", "files"])
def test_nothing_is_held_out_of_a_share_of_zero(how):
    thumbnails = [thumbnail(noise(seed)) for seed in range(4)]
    assert split(names(4), thumbnails, how, 0) == ([0, 1, 2, 3], [])


def test_both_ways_to_split():
    picture = noise(1)
    thumbnails = [thumbnail(p) for p in (picture, picture, noise(2), noise(3))]
    assert split(names(4), thumbnails, "files", 0.25) == split_files(names(4), 0.25)
    assert split(names(4), thumbnails, "groups", 0.25) == split_groups([0, 0, 1, 2], 0.25)
