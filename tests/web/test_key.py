"""A service that asks for a key."""

import pytest


@pytest.fixture
def locked(page):
    page.site.key = "right"
    page.chrome.get(page.site.url)
    yield page
    page.run("sessionStorage.clear()")


def give(page, key):
    page.until(lambda: page.shown("#key-dialog"))
    page.find("#key").send_keys(key)
    page.find("#key-dialog [value=use]").click()


def test_the_key_is_asked_for_when_it_is_needed_and_kept(locked, picture):
    page = locked
    assert not page.shown("#key-dialog")
    page.choose(picture("one.png"))
    page.until(lambda: page.shown("#key-dialog"))
    assert not page.shown("#key-refused")
    give(page, "wrong")
    page.until(lambda: page.shown("#key-refused"))
    give(page, "right")
    page.done()
    page.until(lambda: page.find("#model option[value=other]"))

    page.chrome.get(page.site.url)
    page.until(lambda: page.find("#model option[value=other]"))
    page.choose(picture("two.png"))
    page.done()
    assert not page.shown("#key-dialog")


def test_many_pictures_ask_once(locked, picture):
    page = locked
    page.choose(picture("one.png"), picture("two.png"), picture("three.png"))
    give(page, "right")
    page.all_done()

    assert page.text("#batch-count") == "All 3 are done"
    assert not page.shown("#key-dialog")


def test_many_pictures_are_given_up_at_once(locked, picture):
    page = locked
    page.choose(*(picture(f"{index}.png") for index in range(8)))
    page.until(lambda: page.shown("#key-dialog"))
    page.find("#key-cancel").click()
    page.all_done()
    assert page.text("#batch-count") == "0 of 8 done, 8 failed"
    assert not page.shown("#key-dialog")

    page.find("#batch-retry").click()
    give(page, "right")
    page.all_done()
    assert page.text("#batch-count") == "All 8 are done"


def test_without_a_key_another_try_is_offered(locked, picture):
    page = locked
    page.choose(picture("one.png"))
    page.until(lambda: page.shown("#key-dialog"))
    page.find("#key-cancel").click()
    page.until(lambda: page.shown("#notice"))
    assert page.text("#notice-title") == "The service requires a key"

    page.find("#notice-retry").click()
    give(page, "right")
    page.done()
