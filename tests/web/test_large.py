"""Large pictures: how far they are, and Cancel."""

import imagecodecs
import numpy as np


def jobs(page):
    return list(page.site.app.state.service.jobs)


def idle(page):
    models = page.site.app.state.service.models
    return models.queued_seconds == 0


def test_it_tells_how_far_it_is_and_comes_back_as_ever(page, large, tiles):
    page.choose(large)
    page.until(lambda: page.text("#going-words").startswith("0%"))
    assert page.text("#going-name") == "large.jpg"
    assert "left" in page.text("#going-words")
    tiles.release()
    page.until(lambda: page.text("#going-words").startswith("50%"))
    assert page.run("return document.querySelector('#going-bar').value") == 50
    tiles.release(10)
    page.done()
    assert not page.shown("#going")
    assert "denoising" in page.text("#timing-words")
    page.until(lambda: not jobs(page))  # nothing of it is kept once it has been fetched
    saved = page.download()
    assert saved.read_bytes() == page.site.post("/denoise", large.read_bytes())


def test_the_best_quality_of_one_that_is_less_large_tells_how_far_it_is(page, picture, tiles):
    tiles.release()
    page.choose(picture("middle.png", 1024, 600))
    page.done()
    assert not jobs(page)
    page.find("#best").click()
    page.until(lambda: page.text("#going-words").startswith("0%"))
    tiles.release(2)
    page.until(lambda: page.text("#going-words").startswith("25%"))
    tiles.release(6)
    page.done()


def test_cancel_gives_up_the_work_and_it_can_be_tried_again(page, large, tiles):
    page.choose(large)
    page.until(lambda: page.text("#going-words").startswith("0%"))
    page.find("#going-cancel").click()
    assert not page.shown("#going")
    assert page.text("#notice-title") == "Cancelled"
    page.until(lambda: not jobs(page))
    tiles.release()  # the tile that was under way; the other is off the queue
    page.until(lambda: idle(page))
    assert not page.find("#download").is_enabled()

    tiles.release(10)
    page.find("#notice-retry").click()
    page.done()
    assert page.find("#download").is_enabled()


def test_one_that_the_browser_cannot_show_can_be_cancelled_before_it_is_seen(page, tmp_path, tiles):
    pixels = np.random.default_rng(3).integers(0, 256, (1700, 1700, 3), np.uint8)
    (tmp_path / "scan.tif").write_bytes(imagecodecs.tiff_encode(pixels))
    page.choose(tmp_path / "scan.tif")
    page.until(lambda: page.text("#going-words").startswith("0%"))
    assert page.shown("#intake")
    page.find("#going-cancel").click()
    assert page.text("#notice-title") == "Cancelled"
    assert page.shown("#intake")
    page.until(lambda: not jobs(page))


def test_in_a_list_each_row_tells(page, large, picture, tiles):
    page.choose(picture("small.png"), large)
    page.until(lambda: page.rows()["large.jpg"].startswith("Denoising: 0%"))
    assert not page.shown("#going")
    page.find("#another").click()  # gives up all of them
    page.until(lambda: not jobs(page))
