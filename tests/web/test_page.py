"""The page in use."""

import struct
import zlib
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from app.imaging import codec
from app.imaging.picture import Format, Picture
from tests.fidelity.files import FILM, SMOOTH, by_pillow, heic

PASTE = """
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(arguments[0])], "given.png", {type: "image/png"}));
  document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data}));
"""


def test_the_page_asks_no_other_host_for_anything(page):
    fetched = page.run("return performance.getEntriesByType('resource').map(each => each.name)")

    assert len(fetched) > 5
    assert all(url.startswith(page.site.url) for url in fetched)


def test_a_noisy_picture_comes_back_and_the_download_is_what_the_service_answers(page, picture):
    file = picture("noisy.jpg")
    page.choose(file)
    page.done()

    assert page.text("#name") == "noisy.jpg"
    assert page.text("#about").startswith("60 \N{MULTIPLICATION SIGN} 40 pixels, JPEG")
    assert "of 255 levels" in page.text("#sigma")
    assert "denoising" in page.text("#timing-words")
    assert not page.find("#scores-panel").is_displayed()
    saved = page.download()
    assert saved.name == "noisy-denoised.jpg"
    assert saved.read_bytes() == page.site.post("/denoise", file.read_bytes())


def test_strength_and_format_go_into_the_download(page, picture):
    file = picture("noisy.png")
    page.choose(file)
    page.done()
    page.set("#strength", 0.4)
    page.select("#format", "webp")

    assert page.text("#strength-value") == "40%"
    expected = page.site.post("/denoise?strength=0.4&format=webp", file.read_bytes())
    saved = page.download()
    assert saved.name == "noisy-denoised.webp"
    assert saved.read_bytes() == expected


def test_colour_follows_the_strength_until_it_is_set(page, picture):
    file = picture("noisy.png")
    page.choose(file)
    page.done()
    page.set("#strength", 0.4)
    assert page.text("#colour-value") == "40%"
    page.set("#colour", 0.9)
    page.set("#strength", 0.2)
    assert page.text("#strength-value") == "20%"
    assert page.text("#colour-value") == "90%"

    expected = page.site.post("/denoise?strength=0.2&colour_strength=0.9", file.read_bytes())
    assert page.download().read_bytes() == expected


def test_choices_stay_until_they_are_reset(page, picture):
    file = picture("noisy.png")
    page.choose(file)
    page.done()
    assert not page.shown("#reset")
    page.set("#strength", 0.4)
    page.set("#colour", 0.9)
    page.select("#format", "webp")
    page.select("#model", "other")
    page.done()

    page.open("other")
    page.choose(file)
    page.done()
    assert page.text("#strength-value") == "40%"
    assert page.text("#colour-value") == "90%"
    assert page.find("#model").get_attribute("value") == "other"
    query = "model=other&strength=0.4&colour_strength=0.9&format=webp"
    assert page.download().read_bytes() == page.site.post(f"/denoise?{query}", file.read_bytes())

    page.find("#reset").click()
    page.done()
    assert page.text("#colour-value") == page.text("#strength-value") == "100%"
    assert page.find("#model").get_attribute("value") == ""
    assert page.find("#format").get_attribute("value") == ""
    assert not page.shown("#reset")
    assert page.run("return localStorage.length") == 0


def test_the_best_quality_takes_all_orientations_and_stays_chosen(page, picture):
    file = picture("noisy.png")
    page.choose(file)
    page.done()
    page.find("#best").click()
    page.done()
    expected = page.site.post("/denoise?ensemble=8", file.read_bytes())
    assert page.download().read_bytes() == expected
    asked = "return performance.getEntriesByType('resource').map(each => each.name)"
    assert any("ensemble=8" in name for name in page.run(asked))

    page.open()
    assert page.find("#best").is_selected()
    page.choose(file)
    page.done()
    page.find("#reset").click()
    page.done()
    assert not page.find("#best").is_selected()
    assert page.download().read_bytes() == page.site.post("/denoise", file.read_bytes())


def test_the_strength_for_colour_is_scored(page):
    page.find("[data-sample=landscape]").click()
    page.done()
    for colour in (0, 0.5):
        before = page.text("#psnr-denoised")
        page.set("#colour", colour)
        page.until(lambda before=before: page.text("#psnr-denoised") != before)
        page.done()


@pytest.mark.parametrize(("strength", "colour"), [(0.5, 0.5), (0.3, 1), (1, 0.2), (0, 0.7)])
def test_the_blend_on_the_screen_is_the_blend_that_the_service_makes(
    page, picture, strength, colour
):
    file = picture("noisy.png", 64, 48)
    page.choose(file)
    page.done()
    asked = len(page.run("return performance.getEntriesByType('resource')"))
    page.set("#strength", strength)
    page.set("#colour", colour)
    page.pick("zoom", "4")
    page.set("#divider", 0)
    page.run("return new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    assert len(page.run("return performance.getEntriesByType('resource')")) == asked
    centre = page.run(
        "const box = document.querySelector('#comparison').getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]"
    )

    screen = Image.open(BytesIO(page.chrome.get_screenshot_as_png())).convert("RGB")
    served = page.site.post(
        f"/denoise?strength={strength}&colour_strength={colour}", file.read_bytes()
    )
    # The middle of the picture is in the middle of the frame, each pixel a square of 4.
    left, top = round(centre[0]) - 64, round(centre[1]) + 40
    shown = np.asarray(screen.crop((left, top, left + 128, top + 32)), int)[1::4, 1::4]
    wanted = np.asarray(Image.open(BytesIO(served)), int)[34:42, 16:48]
    assert np.abs(shown - wanted).max() <= 2


def test_colour_apart_stays_in_place_while_the_picture_is_moved(page, picture):
    file = picture("noisy.png", 600, 400)
    page.choose(file)
    page.done()
    page.set("#divider", 0)
    page.set("#colour", 0.3)
    page.pick("zoom", "4")
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_DOWN):
        page.find("#viewport").send_keys(key)
    page.run("return new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    corner = page.run(
        "const box = document.querySelector('#comparison').getBoundingClientRect();"
        "return [box.left, box.top]"
    )

    screen = Image.open(BytesIO(page.chrome.get_screenshot_as_png())).convert("RGB")
    served = page.site.post("/denoise?colour_strength=0.3", file.read_bytes())
    left, top = corner[0] + page.measure("--x"), corner[1] + page.measure("--y")
    columns = np.arange(-(-(corner[0] + 100 - left) // 4), (corner[0] + 300 - left) // 4).astype(
        int
    )
    rows = np.arange(-(-(corner[1] + 60 - top) // 4), (corner[1] + 200 - top) // 4).astype(int)
    places = np.ix_(
        np.rint(top + 4 * rows + 2).astype(int), np.rint(left + 4 * columns + 2).astype(int)
    )
    shown = np.asarray(screen, int)[places]
    wanted = np.asarray(Image.open(BytesIO(served)), int)[np.ix_(rows, columns)]
    assert np.abs(shown - wanted).max() <= 2


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (0, "hardly any"),
        (0.9, "hardly any"),
        (1.4, "a little"),  # visible grain of 2 levels, found a third too weak
        (2, "a little"),
        (3, "easily seen"),  # a camera's at ISO 1600 and above
        (8, "easily seen"),
        (25, "strong"),  # factor 0.1
        (51, "very strong"),
    ],
)
def test_the_measured_noise_is_described_in_words(page, levels, words):
    script = "const words = await import('./static/words.js'); return words.sigma(value, null, 0)"
    told = page.run(f"return (async (value) => {{ {script} }})(arguments[0])", levels / 255)
    assert told.startswith(f"{words}: ")
    assert told.endswith(f": {levels:.1f} of 255 levels")


def test_no_little_word_is_said_where_much_was_taken_away(page, picture):
    script = (
        "const words = await import('./static/words.js'); return words.sigma(0.001, null, 0.02)"
    )
    assert page.run(f"return (async () => {{ {script} }})()") == ("easily seen: 0.3 of 255 levels")
    file = picture("noisy.png")
    page.choose(file)
    page.done()
    with (
        Image.open(file) as before,
        Image.open(BytesIO(page.site.post("/denoise", file.read_bytes()))) as after,
    ):
        rms = np.sqrt(np.square(np.asarray(before, float) - np.asarray(after, float)).mean())
    assert page.text("#taken") == f"{rms:.1f} of 255 levels"


def test_a_file_from_the_disk_can_be_dropped(page, picture):
    file = picture("any.png")
    page.drop(file)
    page.done()

    assert page.text("#name") == "any.png"
    assert not page.shown("#curtain")
    assert not page.shown("#batch")
    assert page.download().read_bytes() == page.site.post("/denoise", file.read_bytes())


def test_a_picture_can_be_pasted(page, picture):
    page.run(PASTE, list(picture("any.png").read_bytes()))
    page.done()

    assert page.text("#name") == "given.png"


def test_a_sample_shows_noise_added_taken_away_and_measured(page):
    page.find("[data-sample=mri]").click()
    page.done()

    assert page.find("input[name=way][value=show]").is_selected()
    assert page.text("#name") == "mri.png"
    assert page.find("#kind").get_attribute("value") == "rician"
    assert page.text("#factor-value").startswith("0.10")
    noisy, denoised = (
        float(page.text(f"#psnr-{which}").removesuffix(" dB")) for which in ("noisy", "denoised")
    )
    assert 10 < noisy < denoised
    assert "times smaller" in page.text("#verdict")
    assert page.text("#left-tag") == "Noisy"

    page.pick("left", "original")
    page.done()
    assert page.text("#left-tag") == "Original"

    page.set("#strength", 0)
    page.until(lambda: page.text("#psnr-denoised") == page.text("#psnr-noisy"))

    assert "of 255 levels" in page.text("#sigma")

    page.select("#kind", "salt-pepper")
    page.set("#factor", 0)
    page.until(lambda: page.text("#psnr-noisy") == "identical")
    assert page.text("#factor-value") == "0% of the pixels"
    assert page.text("#sigma").lower().startswith("could not tell: ")


def test_a_drawing_gets_the_noise_of_a_camera(page):
    page.find("[data-sample=landscape]").click()
    page.done()

    assert page.find("#kind").get_attribute("value") == "camera"
    assert len(page.text("#kind-hint")) > 10
    noisy = float(page.text("#psnr-noisy").removesuffix(" dB"))
    factor = float(page.text("#factor-value").split(",")[0])
    assert noisy == pytest.approx(-20 * np.log10(factor), abs=0.6)


@pytest.mark.parametrize("sample", ["high-iso", "film", "scan"])
def test_the_first_samples_are_noisy_photographs(page, sample):
    page.pick("way", "show")
    first = page.run("return document.querySelector('[data-sample]').dataset.sample")
    assert first == "high-iso"
    page.find(f"[data-sample={sample}]").click()
    page.done()

    assert page.find("input[name=way][value=clean]").is_selected()
    assert page.text("#name") == f"{sample}.jpg"
    assert not page.shown("#scores-panel")
    assert page.text("#sigma").split(":")[0].lower() in {"easily seen", "strong"}


def test_another_model_can_be_chosen_and_says_what_it_is(page, picture):
    page.choose(picture("noisy.png"))
    page.done()
    page.find("#card summary").click()
    assert "A fixed blur, for tests." in page.text("#card-body")

    listed = page.run("return [...document.querySelectorAll('#model option')].map(o => o.text)")
    assert listed == ["Automatic", "Box blur", "Blur for scans", "Another blur (historical)"]
    assert page.run("return document.querySelector('#model optgroup').children.length") == 1
    page.select("#model", "other")
    page.done()

    assert "Blurs as the first does." in page.text("#card-body")
    fetched = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert "model=other" in [url for url in fetched if "/denoise" in url][-1]


def test_the_divider_follows_keyboard_and_mouse(page, picture):
    page.choose(picture("noisy.png", 600, 400))
    page.done()
    divider = page.find("#divider")
    assert page.measure("--split") == 50

    divider.send_keys(Keys.ARROW_LEFT * 4)
    assert page.measure("--split") == 48
    assert divider.get_attribute("aria-valuetext") == "48% from the left"

    width = page.find("#comparison").size["width"]
    handle = ActionChains(page.chrome).move_to_element_with_offset(divider, -0.02 * width, 0)
    handle.click_and_hold().move_by_offset(width / 4, 0).release().perform()
    assert page.measure("--split") == pytest.approx(73, abs=1.5)


def test_a_magnified_picture_can_be_moved(page, picture):
    page.choose(picture("noisy.png", 800, 600))
    page.done()
    page.pick("zoom", "4")
    comparison = page.find("#comparison")

    assert page.find("#left-image").size["width"] == 3200
    start = page.measure("--x")
    beside_divider = comparison.size["width"] / 4
    drag = ActionChains(page.chrome).move_to_element_with_offset(comparison, beside_divider, 0)
    drag.click_and_hold().move_by_offset(-60, 0).release().perform()
    assert page.measure("--x") == pytest.approx(start - 60, abs=1)

    page.find("#viewport").send_keys(Keys.ARROW_RIGHT)
    assert page.measure("--x") == pytest.approx(start - 108, abs=1)


def test_keys_magnify_and_show_all_again(page, picture):
    page.choose(picture("noisy.png", 800, 600))
    page.done()
    fit = page.measure("--width")
    viewport = page.find("#viewport")
    viewport.send_keys("+")
    assert page.measure("--width") == pytest.approx(1.5 * fit)
    assert not page.run("return document.querySelector('[name=zoom]:checked')")
    assert "%" in viewport.get_attribute("aria-label")
    viewport.send_keys("0")
    assert page.measure("--width") == fit
    assert page.find("[name=zoom][value=fit]").is_selected()


def test_the_wheel_magnifies_about_the_cursor(page, picture):
    page.choose(picture("noisy.png", 800, 600))
    page.done()
    box = page.run(
        "const {left, top} = document.querySelector('#comparison').getBoundingClientRect();"
        "return [left, top]"
    )
    spot = [box[0] + 60, box[1] + 80]

    def under_the_cursor():
        return [
            (at - corner - page.measure(side)) / page.measure("--width")
            for at, corner, side in zip(spot, box, ("--x", "--y"), strict=True)
        ]

    before, fit = under_the_cursor(), page.measure("--width")
    wheel = {"type": "mouseWheel", "x": spot[0], "y": spot[1], "deltaX": 0}
    page.cdp("Input.dispatchMouseEvent", **wheel, deltaY=-400)
    page.until(lambda: page.measure("--width") > 1.5 * fit)
    assert under_the_cursor() == pytest.approx(before, abs=0.01)
    page.cdp("Input.dispatchMouseEvent", **wheel, deltaY=4000)
    page.until(lambda: page.measure("--width") == fit)


def test_a_double_press_zooms_in_and_back_out(page, picture):
    page.choose(picture("noisy.png", 1600, 1200))
    page.done()
    fit = page.measure("--width")
    comparison = page.find("#comparison")
    for wanted in (1600, fit):
        spot = ActionChains(page.chrome).move_to_element_with_offset(comparison, -120, -90)
        spot.double_click().perform()
        page.until(lambda wanted=wanted: abs(page.measure("--width") - wanted) < 1)


def test_a_tiff_of_16_bits_is_shown_as_png_and_saved_as_tiff(page, tmp_path):
    pixels = np.random.default_rng(3).integers(0, 65536, (20, 30, 3), np.uint16)
    file = tmp_path / "deep.tif"
    file.write_bytes(imagecodecs.tiff_encode(pixels))
    page.choose(file)
    page.done()

    assert page.text("#about").startswith("30 \N{MULTIPLICATION SIGN} 20 pixels, TIFF")
    assert "cannot display it" in page.text("#about")
    saved = page.download()
    assert saved.name == "deep-denoised.tif"
    assert saved.read_bytes() == page.site.post("/denoise", file.read_bytes())


def test_parts_left_out_of_the_result_are_named(page, tmp_path):
    still, motion = tmp_path / "still.jpg", tmp_path / "motion.jpg"
    still.write_bytes(by_pillow(SMOOTH, "JPEG"))
    motion.write_bytes(still.read_bytes() + FILM)
    for file, missing in ((motion, "The film of a motion photo"), (still, "")):
        page.open()
        page.choose(file)
        page.done()
        assert page.text("#missing") == missing
        assert page.shown("#missing-row") is bool(missing)


@pytest.mark.parametrize(
    ("kind", "ending"), [("avif", "avif"), ("jp2", "jp2"), ("jxl", "jxl"), ("pnm", "ppm")]
)
def test_newer_formats_come_back_in_their_own(page, tmp_path, kind, ending):
    pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)
    file = tmp_path / f"new.{ending}"
    file.write_bytes(codec.encode(Picture(pixels), Format(kind)).data)
    page.choose(file)
    page.done()

    saved = page.download()
    assert saved.name == f"new-denoised.{ending}"
    assert saved.read_bytes() == page.site.post("/denoise", file.read_bytes())


@pytest.mark.parametrize(
    ("name", "alone", "with_noise"),
    [
        ("a.jpg", "JPEG (same)", "PNG"),
        ("a.png", "PNG (same)", "PNG (same)"),
        ("a.bmp", "PNG", "PNG"),
    ],
)
def test_only_the_format_of_the_upload_is_called_the_same(page, picture, name, alone, with_noise):
    page.choose(picture(name))
    page.done()
    assert page.text("#format option:first-child") == alone
    page.pick("way", "show")
    page.until(lambda: page.text("#format option:first-child") == with_noise)


@pytest.mark.parametrize(("bits", "ending"), [(8, "jpg"), (10, "avif")])
def test_the_result_of_a_heic_is_named_by_its_format(page, tmp_path, bits, ending):
    file = tmp_path / "IMG_1.heic"
    file.write_bytes(heic(SMOOTH, bits))
    page.choose(file)
    page.done()
    assert page.text("#format option:first-child") == "JPEG or AVIF"
    saved = page.download()
    assert saved.name == f"IMG_1-denoised.{ending}"
    assert saved.read_bytes() == page.site.post("/denoise", file.read_bytes())

    saved.unlink()
    page.select("#format", "png")
    assert page.download().read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "data", "title", "advice"),
    [
        ("scan.jpg", b"%PDF-1.7 and more", "This is a PDF file", "Convert it to JPEG or PNG."),
        (
            "IMG_1.CR3",
            b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
            "This is a camera raw file",
            "Convert it to",
        ),
        ("a.tif", b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "This is a camera raw file", "Convert it"),
    ],
)
def test_a_wrong_file_is_named_before_anything_is_sent(page, tmp_path, name, data, title, advice):
    (tmp_path / name).write_bytes(data)
    page.choose(tmp_path / name)
    page.until(lambda: page.shown("#notice"))

    assert page.text("#notice-title") == title
    assert page.text("#notice-detail").startswith(advice)
    assert page.shown("#intake")
    assert not page.shown("#work")
    assert page.site.most == 0


def test_files_that_are_no_images_are_refused_in_plain_words(page, tmp_path, picture):
    file = tmp_path / "letter.png"
    file.write_text("Dear reader, this is not a picture.")
    page.choose(file)
    page.until(lambda: page.find("#notice").is_displayed())

    assert page.text("#notice-title") in {
        "This file cannot be read as an image",
        "This kind of file is not supported",
    }
    assert len(page.text("#notice-detail")) > 10
    assert not page.find("#notice-retry").is_displayed()
    assert page.find("#intake").is_displayed()

    page.choose(picture("good.png"))
    page.done()
    assert not page.find("#notice").is_displayed()


def test_a_picture_that_is_too_large_is_refused_in_plain_words(page, tmp_path, picture):
    # A PNG that says of itself that it has 60,000 x 60,000 pixels.
    png = picture("small.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + png[24:29]
    huge = tmp_path / "huge.png"
    huge.write_bytes(png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:])
    page.choose(huge)
    page.until(lambda: page.shown("#notice"))

    assert page.text("#notice-title") == "The image is too large"
    assert "60000 x 60000 pixels" in page.text("#notice-detail")
    assert not page.shown("#notice-retry")


def test_a_service_that_cannot_be_reached_offers_another_try(page, picture):
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.cdp("Network.enable")
    page.cdp("Network.emulateNetworkConditions", offline=True, **network)
    page.choose(picture("noisy.png"))
    page.until(lambda: page.shown("#notice"))
    page.cdp("Network.emulateNetworkConditions", offline=False, **network)

    assert page.text("#notice-title") == "No response from the service"
    page.find("#notice-retry").click()
    page.done()
    assert not page.shown("#notice")


def test_a_busy_service_offers_another_try(page, picture):
    page.site.busy = 1
    page.choose(picture("noisy.png"))
    page.until(lambda: page.find("#notice-retry").is_displayed())

    assert page.text("#notice-title") == "The service is busy"
    assert page.text("#notice-detail") == "Much to do."
    assert not page.find("#notice-retry").is_enabled()
    page.until(lambda: page.find("#notice-retry").is_enabled())
    page.find("#notice-retry").click()
    page.done()
    assert not page.find("#notice").is_displayed()


def test_another_picture_starts_over(page, picture):
    page.choose(picture("first.png"))
    page.done()
    page.find("#another").click()

    assert page.find("#intake").is_displayed()
    assert not page.find("#work").is_displayed()
    page.choose(picture("second.png"))
    page.done()
    assert page.text("#name") == "second.png"
