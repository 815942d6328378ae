"""The page for everyone: axe-core, the keyboard, touch, small screens and dark ones."""

from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
SIDEWAYS = PHONE | {"width": 844, "height": 390}


def check(page):
    """No violation of any rule of axe-core, and nothing that has to be scrolled sideways."""
    # A colour half-way between two is nobody's.
    moving = "document.getAnimations().some(each => each instanceof CSSTransition)"
    page.until(lambda: not page.run(f"return {moving}"))
    page.run(f"if (!window.axe) {{ {AXE} }}")
    found = page.chrome.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    violations = {each["id"]: [n["html"] for n in each["nodes"]] for each in found["violations"]}
    assert violations == {}
    assert len(found["passes"]) > 10
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_in_any_state_of_the_page(screen, picture, tmp_path):
    page = screen
    check(page)

    (tmp_path / "letter.png").write_text("Dear reader, this is not a picture.")
    page.choose(tmp_path / "letter.png")
    page.until(lambda: page.shown("#notice"))
    check(page)

    page.site.held.clear()
    page.choose(picture("noisy.png"))
    page.until(lambda: page.text("#status").startswith("Removing"))
    check(page)
    page.site.held.set()
    page.done()
    page.run("document.querySelector('#card summary').scrollIntoView({block: 'center'})")
    page.find("#card summary").click()
    check(page)

    page.pick("way", "show")
    page.done()
    page.pick("zoom", "4")
    check(page)

    page.site.busy = 1
    page.select("#model", "other")
    page.until(lambda: page.shown("#notice"))
    check(page)

    page.choose(picture("one.png"), tmp_path / "letter.png", picture("two.png"))
    page.all_done()
    page.done()
    check(page)
    page.row("letter.png").click()
    page.until(lambda: page.shown("#notice"))
    check(page)


def test_axe_finds_nothing_while_a_large_picture_is_worked_on(screen, large, tiles):
    screen.choose(large)
    screen.until(lambda: screen.text("#going-words").startswith("0%"))
    check(screen)
    screen.find("#going-cancel").click()
    check(screen)


def test_axe_finds_nothing_on_the_page_about_the_models(screen):
    screen.chrome.get(f"{screen.site.url}/about-models")
    screen.until(lambda: screen.find("article"))
    check(screen)


SHIFTS = """
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) shifted += entry.value;
  }).observe({type: "layout-shift", buffered: true});
"""


def test_nothing_jumps_once_a_picture_is_on_the_table(screen, picture):
    """Nor at the start: half of what Core Web Vitals call good is the most."""
    screen.chrome.get(screen.site.url)
    screen.run(SHIFTS)
    screen.until(lambda: screen.find("#model option[value=blur]"))
    assert screen.run("return shifted") < 0.05
    screen.site.held.clear()
    screen.choose(picture("noisy.png", 600, 400))
    screen.until(lambda: screen.text("#status").startswith("Removing"))
    screen.run("shifted = 0")
    screen.site.held.set()
    screen.done()
    screen.run("return new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 50)))")
    assert screen.run("return shifted") < 0.05


def test_nothing_moves_where_motion_is_not_wanted(page, picture):
    moving = "return document.getAnimations().length"
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.site.held.clear()
    page.choose(picture("noisy.png"))
    page.until(lambda: page.shown("#progress") and page.run(moving) > 0)
    page.cdp("Emulation.setEmulatedMedia", features=features)
    try:
        page.until(lambda: page.run(moving) == 0)
        assert page.shown("#progress")
    finally:
        page.cdp("Emulation.setEmulatedMedia", features=[])


def test_axe_finds_nothing_in_the_question_for_a_key(screen, picture):
    screen.site.key = "right"
    screen.choose(picture("noisy.png"))
    screen.until(lambda: screen.shown("#key-dialog"))
    check(screen)
    screen.find("#key").send_keys("wrong", Keys.ENTER)
    screen.until(lambda: screen.shown("#key-refused"))
    check(screen)
    screen.run("sessionStorage.clear()")


def focused(page):
    return page.run("return document.activeElement.id || document.activeElement.dataset.sample")


def press(page, *keys):
    ActionChains(page.chrome).send_keys(*keys).perform()


def tab_to(page, name):
    """Press Tab until the element has the focus."""
    for _ in range(40):
        if focused(page) == name:
            return
        press(page, Keys.TAB)
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_keyboard_is_enough(page):
    tab_to(page, "mri")
    press(page, Keys.ENTER)
    page.done()
    assert focused(page) == "name"  # a screen reader reads what has come

    tab_to(page, "divider")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.measure("--split") == 49

    tab_to(page, "factor")
    before = page.text("#psnr-noisy")
    press(page, Keys.ARROW_RIGHT)
    page.until(lambda: page.text("#psnr-noisy") != before)
    page.done()

    tab_to(page, "model")
    press(page, Keys.END)
    page.until(lambda: page.find("#model").get_attribute("value") == "other")
    page.done()

    tab_to(page, "strength")
    press(page, Keys.HOME)
    assert page.text("#strength-value") == "0%"
    page.done()

    tab_to(page, "download")
    press(page, Keys.ENTER)
    page.until(lambda: page.text("#status").startswith("Saved mri-denoised.png"))


def touch(page, *points):
    """A finger that goes from point to point."""
    page.cdp("Emulation.setTouchEmulationEnabled", enabled=True)
    for kind, (x, y) in zip(
        ("touchStart", *["touchMove"] * (len(points) - 1)), points, strict=True
    ):
        page.cdp("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
    page.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.cdp("Emulation.setTouchEmulationEnabled", enabled=False)


def test_a_finger_moves_the_divider_and_a_magnified_picture(page, picture):
    page.choose(picture("noisy.png", 600, 400))
    page.done()
    box = page.find("#comparison").rect
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch(page, (x, y), (x + 50, y), (x + box["width"] / 4, y))
    assert page.measure("--split") == pytest.approx(75, abs=2)

    page.pick("zoom", "4")
    before = page.measure("--x")
    touch(page, (x, y - 100), (x - 40, y - 100), (x - 80, y - 100))
    assert page.measure("--x") == pytest.approx(before - 80, abs=1)


def test_two_fingers_magnify(page, picture):
    page.choose(picture("noisy.png", 600, 400))
    page.done()
    fit = page.measure("--width")
    box = page.find("#comparison").rect
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
    page.cdp("Emulation.setTouchEmulationEnabled", enabled=True)
    for kind, apart in (("touchStart", 30), ("touchMove", 45), ("touchMove", 60)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        page.cdp("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    page.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.cdp("Emulation.setTouchEmulationEnabled", enabled=False)
    assert page.measure("--width") == pytest.approx(2 * fit, rel=0.05)


@pytest.mark.parametrize("metrics", [PHONE, SIDEWAYS], ids=["upright", "sideways"])
def test_the_download_is_in_sight_on_a_phone(page, picture, metrics):
    page.cdp("Emulation.setDeviceMetricsOverride", **metrics)
    try:
        page.choose(picture("noisy.png", 300, 400))
        page.done()
        # upright, it stays in sight
        for place in (0, 10_000) if metrics is PHONE else (0,):
            page.run("scrollTo(0, arguments[0])", place)
            left, top, right, bottom = box_of(page, "#download")
            assert min(left, top) > 0
            assert right <= metrics["width"]
            assert bottom <= metrics["height"]
    finally:
        page.cdp("Emulation.clearDeviceMetricsOverride")


def test_the_image_has_a_phone_held_sideways_to_itself(page, picture):
    """What is in sight of it is most of the height, and nothing lies over it."""
    page.cdp("Emulation.setDeviceMetricsOverride", **SIDEWAYS)
    try:
        page.choose(picture("noisy.png", 600, 400))
        page.done()
        left, top, right, _ = box_of(page, "#comparison")
        assert SIDEWAYS["height"] - top > 0.65 * SIDEWAYS["height"]
        covered = page.run(
            "return [...Array(20).keys()].map(at => document.elementFromPoint("
            "  arguments[0], arguments[1] + (innerHeight - 1 - arguments[1]) * at / 19))"
            ".filter(each => !each.closest('#comparison, .tools, .stage')).length",
            left + (right - left) / 4,
            top + 1,
        )
        assert covered == 0
    finally:
        page.cdp("Emulation.clearDeviceMetricsOverride")


def box_of(page, selector):
    """The left, top, right and bottom of an element in the window."""
    return page.run(
        "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
        "return [box.left, box.top, box.right, box.bottom]",
        selector,
    )


def test_what_was_dropped_is_announced_when_it_is_done(page, picture):
    page.choose(picture("one.png"), picture("two.png"))
    page.all_done()

    assert page.run("return document.querySelector('#batch-said').textContent") == "All 2 are done"
    assert page.find("#status").get_attribute("role") == "status"
    assert page.find("#left-image").get_attribute("alt") == "Before: one.png"
    assert page.find("#result-image").get_attribute("alt") == "After: one.png"
