import numpy as np
import pytest

from training.data import Images
from training.errors import TrainingError
from training.experiment import Data, Folder
from training.noise.settings import Noise, Shot, White
from training.patches import Patches


def picture(seed, height=40, width=50):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def patches(images, data, **changes):
    settings = {"batch": 3, "steps": 4, "seed": 0} | changes
    folders = [Images([[image] for image in folder], [], []) for folder in images]
    return Patches(folders, data, settings.pop("noise", Noise(white=White())), **settings)


def one_folder(**changes):
    return Data(**{"patch": 16, "grey_share": 0} | changes)


def test_patches_are_cut_from_the_images():
    image = picture(0)
    drawn = patches([[image]], one_folder(turn=False)).draw(0)
    assert drawn.shape == (3, 16, 16, 3)
    assert drawn.dtype == np.float32
    windows = np.lib.stride_tricks.sliding_window_view(image, (16, 16, 3))[:, :, 0]
    for patch in np.rint(drawn * 255):
        assert (windows == patch).all(axis=(2, 3, 4)).sum() == 1


def test_turned_patches_hold_the_same_pixels():
    image = picture(0, 16, 16)
    pixels = np.sort(image.ravel())
    turned = patches([[image]], one_folder(), batch=40).draw(0)
    assert len({patch.tobytes() for patch in turned}) == 8
    for patch in turned:
        np.testing.assert_array_equal(np.sort(np.rint(patch * 255).ravel()), pixels)


def test_a_step_depends_on_seed_and_number_alone():
    images = [[picture(0), picture(1)]]
    first, again = patches(images, one_folder()), patches(images, one_folder())
    np.testing.assert_array_equal(first.draw(9), again.draw(9))
    other = patches(images, one_folder(), seed=1)
    drawn = [first.draw(0), first.draw(1), first.draw(4), other.draw(0)]
    assert len({batch.tobytes() for batch in drawn}) == 4


def test_batches_come_in_order_epoch_after_epoch():
    made = patches([[picture(0)]], one_folder())
    made.done = 3
    for epoch in range(2):
        for index in range(len(made)):
            clean, target = made[index]
            np.testing.assert_array_equal(clean, made.draw(3 + 4 * epoch + index))
            assert target is clean
        made.on_epoch_end()


def test_folders_have_their_share_whatever_their_size():
    black, white = np.zeros((20, 20, 3), np.uint8), np.full((90, 90, 3), 255, np.uint8)
    data = one_folder(folders=(Folder(weight=3), Folder(weight=1)))
    drawn = patches([[black], [white, white]], data, batch=1000).draw(0)
    assert drawn.mean() == pytest.approx(0.25, abs=0.04)


def test_a_share_of_patches_is_grey():
    drawn = patches([[picture(0)]], one_folder(grey_share=0.5), batch=200).draw(0)
    grey = (drawn == drawn[..., :1]).all(axis=(1, 2, 3))
    assert grey.mean() == pytest.approx(0.5, abs=0.1)


def test_deep_images_are_on_the_same_scale():
    white = np.full((20, 20, 3), 65535, np.uint16)
    assert (patches([[white]], one_folder()).draw(0) == 1).all()


def test_whole_images_are_all_seen_once_an_epoch():
    images = [np.full((16, 16, 3), value, np.uint8) for value in range(7)]
    made = patches([images], one_folder(whole=True))
    assert len(made) == 3
    for epoch in range(2):
        batches = [made.draw(3 * epoch + index) for index in range(3)]
        assert [len(batch) for batch in batches] == [3, 3, 1]
        seen = np.rint(np.concatenate(batches)[:, 0, 0, 0] * 255)
        assert sorted(seen) == list(range(7))


def test_each_family_of_noise_has_its_patches_in_order():
    black, white = np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 255, np.uint8)
    data = one_folder(folders=(Folder(camera_weight=0), Folder(weight=1e-9, camera_weight=1)))
    drawn = patches([[black], [white]], data, batch=16, noise=Noise()).draw(0)
    assert drawn.mean(axis=(1, 2, 3)).tolist() == [0] * 9 + [1] * 7


def test_a_family_without_pictures_is_an_error():
    data = one_folder(folders=(Folder(camera_weight=0),))
    with pytest.raises(TrainingError, match=r"no folder gives patches for noise\.camera"):
        patches([[picture(0)]], data, noise=Noise())


def test_a_share_of_patches_is_stripped():
    white = np.full((40, 50, 3), 255, np.uint8)
    drawn = patches([[white]], one_folder(stripped_share=0.5), batch=100).draw(0)
    assert set(np.unique(drawn)) == {0, 1}
    assert 20 < (drawn.min((1, 2, 3)) == 0).sum() < 60


def test_a_share_of_patches_is_dimmed():
    white = np.full((20, 20, 3), 255, np.uint8)
    drawn = patches([[white]], one_folder(dim_share=0.5), batch=400).draw(0)[:, 0, 0, 0]
    assert (drawn < 1).mean() == pytest.approx(0.5, abs=0.1)
    assert 0.08 < drawn.min() < 0.2


def test_pairs_are_cut_and_turned_in_step():
    clean = picture(0)
    pair = np.concatenate([clean, 255 - clean], axis=-1)
    data = one_folder(folders=(Folder(noisy="a", clean="b"),), grey_share=0.5)
    drawn = patches([[pair]], data, batch=40, noise=Noise(shot=Shot())).draw(0)
    assert drawn.shape == (40, 16, 16, 6)
    np.testing.assert_allclose(drawn[..., 3:], 1 - drawn[..., :3], atol=0.51 / 255)


def test_pictures_beside_pairs_stand_twice():
    clean = picture(0)
    data = one_folder(folders=(Folder(), Folder(noisy="a", clean="b")))
    pair = np.concatenate([clean, 255 - clean], axis=-1)
    noise = Noise(white=White(share=1), shot=Shot(share=1))
    drawn = patches([[clean], [pair]], data, batch=4, noise=noise).draw(0)
    np.testing.assert_array_equal(drawn[:2, ..., :3], drawn[:2, ..., 3:])
    assert (drawn[2:, ..., :3] != drawn[2:, ..., 3:]).any(axis=(1, 2, 3)).all()
