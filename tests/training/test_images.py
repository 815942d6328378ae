import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.imaging.codec import encode
from app.imaging.picture import Format, Picture
from tests.fidelity.files import dicom
from training.errors import TrainingError
from training.images import image_files, read, read_each, read_frames, resize, to_grey


def test_images_are_found_in_folders_of_folders_sorted(tmp_path):
    for name in ("yes/1.JPG", "no/2.png", "no/deep/1.tiff", "no/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)]
    assert found == ["no/2.png", "no/deep/1.tiff", "yes/1.JPG"]
    assert [p.name for p in image_files(tmp_path, ["1.JPG"])] == ["1.JPG"]


def test_links_to_folders_are_followed_and_every_file_is_taken_once(tmp_path):
    for name in ("data/a.png", "elsewhere/b.gif"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "data" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "round").symlink_to(tmp_path / "data")
    assert [p.name for p in image_files(tmp_path / "data")] == ["a.png", "b.gif"]


def test_what_a_run_has_drawn_is_no_image_to_train_on(tmp_path):
    (tmp_path / "a.png").touch()
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    for name in ("experiment.toml", "environment.json", "grid.png"):
        (run / name).touch()
    assert [p.name for p in image_files(tmp_path)] == ["a.png"]


def test_dicom_is_found_whatever_its_name(tmp_path):
    slices = np.arange(48, dtype=np.uint16).reshape(2, 4, 6)
    for name in ("IM0001", "1.2.840.113", "DICOMDIR"):
        (tmp_path / name).write_bytes(dicom(slices[0]))
    (tmp_path / "README").write_text("no scan")
    os.mkfifo(tmp_path / "pipe")  # to open one waits for whoever writes
    assert [path.name for path in image_files(tmp_path)] == ["1.2.840.113", "IM0001"]


def test_a_stack_is_read_frame_by_frame_on_one_scale(tmp_path):
    slices = np.arange(48, dtype=np.uint16).reshape(2, 4, 6) + 100
    (tmp_path / "scan").write_bytes(dicom(slices))
    first, second = read_frames(tmp_path / "scan")
    assert first.shape == (4, 6, 3)
    np.testing.assert_array_equal(np.concatenate((first, second)), read(tmp_path / "scan"))
    assert second.min() > first.max()
    Image.new("L", (5, 4)).save(tmp_path / "a.png")
    assert len(read_frames(tmp_path / "a.png")) == 1


def test_an_empty_folder_and_a_missing_one_are_errors(tmp_path):
    with pytest.raises(TrainingError, match="no image files below"):
        image_files(tmp_path)
    with pytest.raises(TrainingError, match="there is no folder"):
        image_files(tmp_path / "none")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_any_mode_comes_as_rgb(tmp_path, mode):
    Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode).save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png")
    assert pixels.shape == (4, 5, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == 255).all()


def test_sixteen_bits_stay(tmp_path):
    values = np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 1000
    (tmp_path / "a.png").write_bytes(encode(Picture(values)).data)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), values)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_samples_on_no_scale_are_mapped_from_the_range_that_they_fill(tmp_path, dtype):
    samples = np.linspace(-1000, 3000, 1200).reshape(30, 40, 1).astype(dtype)
    (tmp_path / "scan.tiff").write_bytes(encode(Picture(samples), Format.TIFF).data)
    pixels = read(tmp_path / "scan.tiff")
    assert pixels.dtype == np.float32
    assert pixels.shape == (30, 40, 3)
    np.testing.assert_allclose(pixels[..., 0].ravel(), np.linspace(0, 1, 1200), atol=1e-3)


def test_samples_that_are_not_finite_are_skipped(tmp_path):
    samples = np.full((30, 40, 1), np.nan, np.float32)
    (tmp_path / "scan.tiff").write_bytes(encode(Picture(samples), Format.TIFF).data)
    loaded, (skipped,) = read_each([tmp_path / "scan.tiff"], read)
    assert not loaded
    assert "not finite" in skipped.reason


def test_what_cannot_be_read_is_skipped_with_a_reason(tmp_path):
    good = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(good, "JPEG")
    (tmp_path / "good.jpg").write_bytes(good.getvalue())
    (tmp_path / "cut.jpg").write_bytes(good.getvalue()[:200])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    loaded, skipped = read_each(image_files(tmp_path), lambda path: read(path).shape)
    assert loaded == {tmp_path / "good.jpg": (64, 64, 3)}
    assert [each.path.name for each in skipped] == ["cut.jpg", "empty.png", "text.png"]
    assert all(each.reason for each in skipped)


def test_no_further_file_is_begun_after_an_error_that_is_not_of_a_file():
    begun, never = list[Path](), threading.Event()

    def load(path):
        begun.append(path)
        if path.name != "0":
            never.wait(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_each([Path(str(number)) for number in range(1000)], load)
    assert len(begun) < 1000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resizing_keeps_type_and_range(dtype):
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    edge = np.zeros((20, 30, 3), dtype)
    edge[:, 15:] = white
    small = resize(edge, 10, 12)
    assert small.dtype == dtype
    assert small.shape == (10, 12, 3)
    assert small[:, 0].max() == 0
    assert small[:, -1].min() == white
    assert resize(edge, 20, 30) is edge


def test_resizing_is_alike_for_all_types():
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    small = resize(picture, 9, 7) / 255
    deep = resize(picture.astype(np.uint16) * 257, 9, 7) / 65535
    floats = resize((picture / 255).astype(np.float32), 9, 7)
    np.testing.assert_allclose(small, deep, atol=2 / 255)
    np.testing.assert_allclose(floats, deep, atol=1e-4)


def test_grey_is_luma_in_three_channels():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [10, 10, 10]]], np.uint8)
    np.testing.assert_array_equal(to_grey(pixels)[..., 0], [[76, 150, 10]])
    assert to_grey(pixels).shape == pixels.shape
    assert to_grey(np.ones((1, 1, 3), np.float32)).dtype == np.float32
