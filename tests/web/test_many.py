"""Many pictures on the page."""

import re
import zipfile
from io import BytesIO

import pytest
from PIL import Image


@pytest.fixture
def holiday(picture):
    """Four pictures of different sizes and formats, and one file that is none."""
    files = [picture(f"holiday/{i}.{'jpg' if i % 2 else 'png'}", 40 + i, 30) for i in range(4)]
    broken = files[0].with_name("broken.jpg")
    broken.write_text("not a picture")
    return [broken, *files]


def test_a_list_says_of_each_how_it_went(page, holiday):
    page.choose(*holiday)
    page.all_done()
    page.done()

    rows = page.rows()
    assert list(rows) == [file.name for file in holiday]
    assert rows["broken.jpg"] == "This kind of file is not supported"
    for name in ("0.png", "1.jpg", "2.png", "3.jpg"):
        assert re.fullmatch(r"Noise: [a-z ]+, [\d.]+\sm?s", rows[name])
    assert page.text("#batch-count") == "4 of 5 done, 1 failed"
    assert page.text("#name") == "0.png"  # the first that could be shown
    assert 1 < page.site.most <= 3
    assert not page.shown("#batch-retry")  # it would fail again


def test_pressing_a_row_compares_that_picture(page, holiday):
    page.choose(*holiday)
    page.all_done()
    asked = len(page.run("return performance.getEntriesByType('resource')"))
    page.row("3.jpg").click()
    page.done()

    assert page.text("#name") == "3.jpg"
    assert page.text("#about").startswith("43 \N{MULTIPLICATION SIGN} 30 pixels, JPEG")
    assert page.row("3.jpg").get_attribute("aria-current") == "true"
    assert page.row("0.png").get_attribute("aria-current") == "false"
    fetched = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert not [url for url in fetched[asked:] if "/denoise" in url]
    saved = page.download()
    assert saved.name == "3-denoised.jpg"
    assert saved.read_bytes() == page.site.post("/denoise", holiday[4].read_bytes())

    page.row("broken.jpg").click()
    page.until(lambda: page.shown("#notice"))
    assert page.text("#notice-title") == "This kind of file is not supported"
    assert page.shown("#nothing")
    assert not page.shown("#stage")
    assert not page.find("#download").is_enabled()


def test_the_zip_holds_what_the_service_answers(page, holiday, picture):
    twin = picture("again/0.png", 44, 33)
    page.choose(*holiday, twin)
    page.all_done()
    page.set("#strength", 0.5)
    saved = page.download("#download-all")

    assert saved.name == "denoised.zip"
    names = ["0-denoised.png", "1-denoised.jpg", "2-denoised.png", "3-denoised.jpg"]
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*names, "0-denoised (2).png"]
        for entry, file in zip(archive.infolist(), [*holiday[1:], twin], strict=True):
            assert entry.compress_type == zipfile.ZIP_STORED
            served = page.site.post("/denoise?strength=0.5", file.read_bytes())
            assert archive.read(entry) == served


def test_what_a_format_cannot_hold_is_left_out_of_the_zip_and_named(page, picture):
    clear = picture("clear.png")
    Image.linear_gradient("L").convert("LA").resize((20, 20)).save(clear)
    with Image.open(clear) as image:
        image.putalpha(9)
        image.save(clear)
    page.choose(clear, picture("plain.png"))
    page.all_done()
    page.select("#format", "jpeg")
    saved = page.download("#download-all")

    with zipfile.ZipFile(saved) as archive:
        assert archive.namelist() == ["plain-denoised.jpg"]
        assert Image.open(BytesIO(archive.read("plain-denoised.jpg"))).format == "JPEG"
    assert page.text("#notice-title") == "Left out: clear.png"
    assert "transparency" in page.text("#notice-detail")


def test_a_busy_service_is_asked_again_by_itself(page, holiday):
    page.site.busy = 4
    page.choose(*holiday[1:])
    page.until(lambda: "The service is busy, waiting" in page.rows().values())
    page.all_done()

    assert page.text("#batch-count") == "All 4 are done"
    assert not page.shown("#notice")


def test_what_has_failed_can_be_tried_again(page, holiday):
    page.site.faults = 4
    page.choose(*holiday[1:])
    page.all_done()
    assert page.text("#batch-count") == "0 of 4 done, 4 failed"
    assert set(page.rows().values()) == {"The service failed"}
    assert not page.find("#download-all").is_enabled()

    page.find("#batch-retry").click()
    page.all_done()
    page.done()
    assert page.text("#batch-count") == "All 4 are done"
    assert not page.shown("#notice")


def test_what_was_cut_off_can_be_tried_again(page, holiday):
    page.site.cuts = 4
    page.choose(*holiday[1:])
    page.all_done()
    assert set(page.rows().values()) == {"No response from the service"}
    page.find("#batch-retry").click()
    page.all_done()
    page.done()
    assert page.text("#batch-count") == "All 4 are done"


def test_names_in_the_zip_differ_on_any_disk_and_hold_no_path(page, picture):
    page.choose(*(picture(name) for name in ("IMG.png", "img.png", "a\\..\\b.png")))
    page.all_done()
    with zipfile.ZipFile(page.download("#download-all")) as archive:
        names = ["IMG-denoised.png", "img-denoised (2).png", "a_.._b-denoised.png"]
        assert archive.namelist() == names


def test_another_row_takes_nothing_out_of_the_zip(page, holiday):
    page.choose(*holiday[1:])
    page.all_done()
    page.done()
    page.set("#strength", 0.5)
    page.site.held.clear()
    page.find("#download").click()
    page.find("#download-all").click()
    page.row("2.png").click()
    page.site.held.set()
    saved = page.until(lambda: page.downloads / "denoised.zip")
    page.until(lambda: zipfile.is_zipfile(saved))
    with zipfile.ZipFile(saved) as archive:
        assert len(archive.namelist()) == 4


def test_another_model_is_for_all_of_them(page, holiday):
    page.choose(*holiday[1:])
    page.all_done()
    page.site.held.clear()
    page.select("#model", "other")
    page.until(lambda: page.text("#batch-count") == "0 of 4 done")
    page.site.held.set()
    page.all_done()

    fetched = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert sum("/denoise" in url and "model=other" in url for url in fetched) == 4


def test_a_folder_can_be_dropped(page, holiday):
    folder = holiday[0].parent
    (folder / "notes.txt").write_text("not taken for a picture")
    (folder / "below").mkdir()
    holiday[1].rename(folder / "below" / "deep.png")
    page.drop(folder)
    page.all_done()

    assert list(page.rows()) == ["1.jpg", "2.png", "3.jpg", "deep.png", "broken.jpg"]


def test_pictures_can_be_added_one_by_one_and_all_given_up(page, holiday):
    page.choose(holiday[1])
    page.done()
    assert not page.shown("#batch")
    page.choose(holiday[2])
    page.all_done()
    page.done()
    assert list(page.rows()) == ["0.png", "1.jpg"]
    assert page.text("#name") == "1.jpg"

    page.find("#another").click()
    assert page.shown("#intake")
    page.choose(holiday[3])
    page.done()
    assert not page.shown("#batch")
    assert list(page.rows()) == ["2.png"]
