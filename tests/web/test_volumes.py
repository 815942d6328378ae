"""Volumes and stacks on the page: their slices, the window, and what is downloaded."""

import base64
from itertools import product

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from app.imaging import codec
from app.imaging.picture import Format, Metadata, Picture
from app.imaging.stack import Stack
from tests.fidelity.files import (
    by_tifffile,
    dicom,
    fits,
    gzipped,
    mgh,
    mha,
    nifti,
    nrrd,
    series,
    zipped,
)
from tests.web.test_access import check, press, tab_to, touch

RAMPS = (
    np.arange(60, dtype="i2") * 20
    + np.arange(5, dtype="i2")[:, None, None] * 100
    + np.arange(40, dtype="i2")[:, None] * 3
    - 500
)
"""Five slices of 40 x 60: each 100 above the one before it, and their last rows the brightest."""

MAKERS = {
    "head.nii": lambda: nifti(RAMPS),
    "head.nii.gz": lambda: nifti(RAMPS, packed=True),
    "head.mgh": lambda: mgh(RAMPS),
    "head.mgz": lambda: mgh(RAMPS, packed=True),
    "head.mha": lambda: mha(RAMPS, packed=True),
    "head.nrrd": lambda: nrrd(RAMPS),
    "head.dcm": lambda: dicom(RAMPS, PixelRepresentation=1),
    "head.zip": lambda: zipped(*series(RAMPS, PixelRepresentation=1)),
    "head.tif": lambda: by_tifffile(RAMPS, photometric="minisblack"),
    "head.fits": lambda: fits(RAMPS),
    "head.fits.gz": lambda: gzipped(lambda: fits(RAMPS)),
}

SEEN = """
  const image = document.querySelector(arguments[0]);
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return [...data.filter((_, i) => i % 4 === 0)];
"""

SAMPLES = """
  const [file, page] = arguments;
  const tiff = await import("/static/tiff.js");
  const blob = new Blob([Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0))]);
  const pages = await tiff.pagesOf(blob);
  return [pages.length, [...await tiff.samplesOf(blob, pages[page])], await tiff.isStack(blob)];
"""


@pytest.fixture
def volume(tmp_path):
    """Writes the ramps under a file name."""

    def write(name):
        (tmp_path / name).write_bytes(MAKERS[name]())
        return tmp_path / name

    return write


def seen(page, which="left"):
    """The grey levels of one of the pictures that lie over each other, [40, 60]."""
    return np.array(page.run(SEEN, f"#{which}-image")).reshape(40, 60)


def windowed(samples, centre, width):
    return np.clip((samples - (centre - width / 2.0)) / width * 255, 0, 255)


def window(page):
    return [float(page.text(f"#{name}-value")) for name in ("centre", "width")]


@pytest.mark.parametrize("name", MAKERS)
def test_the_middle_slice_is_seen_before_and_after_and_the_download_is_the_services_answer(
    page, volume, name
):
    file = volume(name)
    page.choose(file)
    page.done()

    about = page.text("#about").replace("\N{MULTIPLICATION SIGN}", "x")
    assert about.startswith("60 x 40 x 5 pixels")
    assert page.text("#slice-value") == "3 of 5"
    assert "Not for diagnosis" in page.text("#slices")
    assert not page.shown("#burned-in")
    assert "in stored values" in page.text("#sigma")
    # NIfTI's first row is the lowest
    turned = slice(None, None, -1 if ".nii" in name else None)
    np.testing.assert_allclose(seen(page), windowed(RAMPS[2], *window(page))[turned], atol=1)
    answer = page.site.post("/denoise", file.read_bytes())
    after = codec.decode(answer, max_pixels=1 << 20).pixels.reshape(5, 40, 60)[2]
    assert (after != RAMPS[2]).any()
    np.testing.assert_allclose(seen(page, "result"), windowed(after, *window(page))[turned], atol=1)
    described = page.run("return document.querySelector('#card-body').textContent")
    assert ("Blurs scans." in described) is (name[4:8] in (".nii", ".mgh", ".mgz"))
    saved = page.download()
    assert saved.name == name.replace("head", "head-denoised")
    assert saved.read_bytes() == answer


def test_a_negative_is_seen_as_what_it_shows(page, tmp_path):
    film = tmp_path / "film.tif"
    film.write_bytes(by_tifffile(RAMPS, photometric="miniswhite"))
    page.choose(film)
    page.done()
    shown = 255 - windowed(RAMPS[2], *window(page))
    np.testing.assert_allclose(seen(page), shown, atol=1)
    np.testing.assert_allclose(seen(page, "result")[5:-5, 5:-5], shown[5:-5, 5:-5], atol=3)


def test_another_slice_is_seen_at_once_by_slider_wheel_and_keys(page, volume):
    page.choose(volume("head.tif"))
    page.done()
    asked = len(page.run("return performance.getEntriesByType('resource')"))
    magnified = page.measure("--width")
    page.set("#slice", 5)
    assert page.text("#slice-value") == "5 of 5"
    expected = windowed(RAMPS[4], *window(page))
    page.until(lambda: np.abs(seen(page) - expected).max() <= 1)

    page.run(
        "document.querySelector('#viewport').dispatchEvent(new WheelEvent('wheel',"
        "{deltaY: -130, bubbles: true, cancelable: true}))"
    )
    assert page.text("#slice-value") == "3 of 5"
    assert page.measure("--width") == magnified
    tab_to(page, "viewport")
    press(page, Keys.PAGE_UP, Keys.PAGE_UP, Keys.PAGE_UP, Keys.PAGE_DOWN)
    assert page.text("#slice-value") == "2 of 5"
    page.until(lambda: np.abs(seen(page) - windowed(RAMPS[1], *window(page))).max() <= 1)
    fetched = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert [each for each in fetched[asked:] if not each.startswith("blob:")] == []


def drag(page, across, down, **start):
    """Drag from a place of the comparison, in shares of it, by so many shares."""
    box = page.find("#comparison").rect
    by = round(across * box["width"]), round(down * box["width"])
    at = {"x": -0.3, "y": 0.2} | start
    place = round(at["x"] * box["width"]), round(at["y"] * box["height"])
    actions = ActionChains(page.chrome, duration=20)
    actions.move_to_element_with_offset(page.find("#viewport"), *place).click_and_hold()
    actions.move_by_offset(*by).release().perform()


def test_a_drag_widens_and_moves_the_window_and_a_double_click_resets_it(page, volume):
    page.choose(volume("head.dcm"))
    page.done()
    first = centre, width = window(page)
    drag(page, 0.1, 0)
    assert window(page) == pytest.approx([centre, 1.2 * width], rel=0.02)
    assert page.measure("--split") == 50
    drag(page, 0, -0.05)
    moved = window(page)
    assert moved == pytest.approx([centre - 0.1 * width, 1.2 * width], rel=0.1)
    page.until(lambda: np.abs(seen(page) - windowed(RAMPS[2], *moved)).max() <= 1)

    beside = ActionChains(page.chrome).move_to_element_with_offset(page.find("#viewport"), 90, 90)
    beside.double_click().perform()
    assert window(page) == first
    drag(page, 0.2, 0, x=0, y=-0.3)  # from the divider
    assert page.measure("--split") == pytest.approx(70, abs=1)
    assert window(page) == first


def test_a_finger_and_the_keyboard_change_the_window(page, volume):
    page.choose(volume("head.nii"))
    page.done()
    first = centre, width = window(page)
    page.run("document.querySelector('#comparison').scrollIntoView({block: 'center'})")
    box = page.run(
        "const box = document.querySelector('#comparison').getBoundingClientRect();"
        "return [box.left, box.top, box.width]"
    )
    x, y, side = box[0] + 40, box[1] + 60, box[2]
    touch(page, (x, y), (x, y + side / 20), (x, y + side / 10))
    assert window(page) == pytest.approx([centre + 0.2 * width, width], rel=0.05)

    page.find("#window-reset").click()
    assert window(page) == first
    tab_to(page, "width")
    press(page, Keys.ARROW_LEFT)
    assert window(page)[1] < width
    assert page.find("#width").get_attribute("aria-valuetext") == page.text("#width-value")


def test_a_magnified_slice_is_moved_with_shift(page, tmp_path):
    pixels = np.random.default_rng(3).integers(0, 4096, (2, 300, 400), np.uint16)
    (tmp_path / "cells.tif").write_bytes(by_tifffile(pixels, photometric="minisblack"))
    page.choose(tmp_path / "cells.tif")
    page.done()
    first = window(page)
    page.pick("zoom", "4")
    before = page.measure("--x")
    ActionChains(page.chrome).key_down(Keys.SHIFT).perform()
    drag(page, 0.1, 0)
    ActionChains(page.chrome).key_up(Keys.SHIFT).perform()
    assert page.measure("--x") > before + 20
    assert window(page) == first


def test_noise_is_added_to_a_volume_and_scored(page, volume):
    page.choose(volume("head.nii.gz"))
    page.done()
    page.pick("way", "show")
    page.select("#kind", "rician")
    page.done()
    assert page.text("#psnr-noisy").endswith("dB")
    noisy = seen(page)
    page.pick("left", "original")
    page.done()
    assert np.abs(seen(page) - noisy).max() > 2
    assert page.download().name == "head-denoised.nii.gz"


def test_only_formats_that_hold_slices_are_offered(page, volume, picture):
    page.choose(picture("noisy.png"))
    page.done()
    page.select("#format", "webp")
    page.find("#another").click()
    page.choose(volume("head.nii"))
    page.done()
    offered = "return [...document.querySelectorAll('#format option:enabled')].map(o => o.value)"
    assert page.run(offered) == ["", "tiff"]
    page.select("#format", "tiff")
    saved = page.download()
    assert saved.name == "head-denoised.tif"
    assert codec.decode(saved.read_bytes(), max_pixels=1 << 20).stack.frames == 5
    page.find("#another").click()
    page.choose(picture("noisy.png"))
    page.done()
    assert len(page.run(offered)) > 4
    assert not page.shown("#slices")


def test_volumes_in_a_list_have_thumbnails_and_slices(page, volume, picture):
    page.choose(picture("noisy.png"), volume("head.nii"))
    page.all_done()
    page.done()
    assert not page.shown("#slices")
    page.row("head.nii").click()
    page.until(lambda: page.shown("#slices"))
    page.done()
    assert seen(page, "result").max() > 200
    page.row("noisy.png").click()
    page.until(lambda: not page.shown("#slices"))


def test_a_single_slice_and_a_tiff_with_a_thumbnail_are_pictures(page, tmp_path):
    (tmp_path / "slice.dcm").write_bytes(dicom(RAMPS[0] + 600, BurnedInAnnotation="YES"))
    page.choose(tmp_path / "slice.dcm")
    page.done()
    assert "text in the pixels" in page.text("#slices")
    assert page.text("#about").startswith("60 \N{MULTIPLICATION SIGN} 40 pixels, DICOM")
    assert page.shown("#centre")
    assert not page.shown("#slice")
    small = Image.new("L", (8, 8))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.new("L", (60, 40), 90).save(
        tmp_path / "photo.tif", save_all=True, append_images=[small], tiffinfo={254: 0}
    )
    page.find("#another").click()
    page.choose(tmp_path / "photo.tif")
    page.done()
    assert not page.shown("#slices")


def test_axe_finds_nothing_where_a_volume_is_shown(screen, volume):
    screen.choose(volume("head.nii"))
    screen.done()
    check(screen)


BIG_ENDIAN = b"MM\0*\0\0\0\x08\0\x01\x01\x0e\0\x02\0\0\0\x02a\0\0\0\0\0\0\0"
"""EXIF with a description; a TIFF takes over its byte order."""


def test_the_page_reads_the_tiffs_that_the_service_writes(page):
    script = f"return (async (...arguments) => {{ {SAMPLES} }})(...arguments)"
    kinds = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")
    for dtype, channels, exif in product(kinds, (1, 3), (None, BIG_ENDIAN)):
        drawn = np.random.default_rng(1).normal(0, 100, (3 * 8, 9, channels))
        pixels = drawn.astype("i4").astype(dtype) if dtype[0] != "f" else drawn.astype(dtype)
        picture = Picture(pixels, None, Format.TIFF, Metadata(exif=exif), stack=Stack(3))
        data = codec.encode(picture).data
        assert data[:2] == (b"MM" if exif else b"II")
        pages, samples, is_stack = page.run(script, base64.b64encode(data).decode(), 1)
        assert (pages, is_stack) == (3, True)
        np.testing.assert_array_equal(np.array(samples, dtype), pixels[8:16].ravel())
