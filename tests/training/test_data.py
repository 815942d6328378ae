import numpy as np
import pytest
from PIL import Image

from tests.fidelity.files import mha
from training.data import copies, load
from training.errors import TrainingError
from training.experiment import Data, Folder


def picture(seed, height=40, width=50):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def one_folder(**changes):
    return Data(**{"patch": 16, "grey_share": 0} | changes)


def test_a_folder_is_split_and_its_bad_files_reported(tmp_path):
    for seed in range(8):
        Image.fromarray(picture(seed)).save(tmp_path / f"{seed}.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "one.png")
    (tmp_path / "text.png").write_text("not a picture")
    data = Data(patch=16, folders=(Folder(test_share=0.25),))
    images = load(data.folders[0], tmp_path, data)
    assert len(images.training) + len(images.held_out) == 8
    assert 1 <= len(images.held_out) <= 2
    reasons = {skipped.path.name: skipped.reason for skipped in images.skipped}
    assert sorted(reasons) == ["one.png", "text.png"]
    assert reasons["one.png"] == "too small for patches of 16 pixels"


def test_slices_of_a_volume_are_images_of_their_own_the_middle_one_first(tmp_path):
    slices = np.arange(3 * 20 * 24, dtype=np.uint16).reshape(3, 20, 24)
    (tmp_path / "scan.mha").write_bytes(mha(slices))
    ((first, *rest),) = load(Folder(), tmp_path, one_folder()).training
    assert [copy.shape for copy in (first, *rest)] == 3 * [(20, 24, 3)]
    assert rest[1].mean() < first.mean() < rest[0].mean()


@pytest.mark.parametrize("content", ["one pixel", "text"])
def test_a_folder_with_nothing_to_train_on_is_an_error(tmp_path, content):
    if content == "text":
        (tmp_path / "a.png").write_text(content)
    else:
        Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(TrainingError, match=r"none of 1 images will do; .*a\.png"):
        load(Folder(), tmp_path, Data())


def test_drawn_graphics_need_no_files(tmp_path):
    folder = Folder(drawn=12, scales=(1.0, 0.5), test_share=0.25)
    images = load(folder, tmp_path / "none", Data(patch=128))
    assert len(images.training) + len(images.held_out) == 12
    assert images.held_out
    assert len(images.copies) == 2 * len(images.training)
    assert images.skipped == []
    with pytest.raises(TrainingError, match="drawn graphics: none of 12 images will do"):
        load(folder, tmp_path, Data(patch=2048))


def test_copies_have_the_sizes_asked_for():
    pixels = picture(0, 100, 200)
    shapes = [c.shape for c in copies(pixels, Folder(side=50, scales=(1.0, 0.5)), one_folder())]
    assert shapes == [(50, 100, 3), (25, 50, 3)]
    assert [c.shape for c in copies(pixels, Folder(), one_folder())] == [(100, 200, 3)]
    assert [c.shape for c in copies(pixels, Folder(side=4), one_folder())] == [(16, 32, 3)]
    assert [c.shape for c in copies(pixels, Folder(), one_folder(whole=True))] == [(16, 16, 3)]
