import numpy as np
import pytest

from training.graphics import FOR_TRAINING, FOR_TRIALS, MEASURED, SUBJECTS, draw


def test_pictures_depend_on_seed_and_number_alone():
    first, again = list(draw(8, FOR_TRAINING)), list(draw(7, FOR_TRAINING))
    for a, b in zip(first, again, strict=False):
        np.testing.assert_array_equal(a, b)
    others = list(draw(8, FOR_TRIALS))
    assert len({picture.tobytes() for picture in first + others}) == 16


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_is_a_picture_of_320_to_512_pixels(subject):
    pictures = list(draw(6, 3, (subject,)))
    for picture in pictures:
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert 320 <= min(picture.shape[:2]) <= max(picture.shape[:2]) <= 512
    assert any(len(np.unique(picture.reshape(-1, 3), axis=0)) > 1 for picture in pictures)


def test_flat_pictures_hold_four_colours_at_most():
    for picture in draw(10, 0, ("flat",)):
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) <= 4


def test_colours_reach_the_corners_of_the_cube():
    colours = {
        tuple(colour) for p in draw(60, 0, ("flat",)) for colour in p[::100, ::100].reshape(-1, 3)
    }
    corners = {(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)}
    assert corners <= colours


def test_text_has_hard_edges_and_soft_ones():
    (picture,) = draw(1, FOR_TRIALS, ("text",))
    steps = np.abs(np.diff(picture.astype(int), axis=1)).max(axis=-1)
    assert (steps > 100).mean() > 0.01
    assert ((steps > 0) & (steps < 100)).any()


def test_some_patterns_are_boards_and_nearly_all_hold_a_gradient():
    def colours(half):
        return len(np.unique(half.reshape(-1, 3), axis=0))

    pictures = list(draw(12, 1, ("pattern",)))
    boards = [colours(p[: p.shape[0] // 2]) == 2 for p in pictures]
    assert 0 < sum(boards) < 12
    # Now and then both ends of a gradient are of one colour.
    assert sum(colours(p[p.shape[0] // 2 :]) > 20 for p in pictures) >= 10


def lone_pixels(picture):
    """How many differ from all of their four neighbours."""
    centre, rest = (
        picture[1:-1, 1:-1],
        (
            picture[:-2, 1:-1],
            picture[2:, 1:-1],
            picture[1:-1, :-2],
            picture[1:-1, 2:],
        ),
    )
    return np.all([(centre != neighbour).any(axis=-1) for neighbour in rest], axis=0).mean()


def test_pixels_hold_what_stands_alone_and_trials_leave_them_out():
    assert np.mean([lone_pixels(p) for p in draw(12, 0, ("pixels",))]) > 0.02
    assert np.mean([lone_pixels(p) for p in draw(12, 0, ("shapes",))]) < 0.002
    assert set(SUBJECTS) - set(MEASURED) == {"pixels"}
