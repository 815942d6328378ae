"""The page about the models."""


def test_each_model_has_its_measurements_and_the_historical_ones_stand_apart(page):
    page.find("nav a[href=about-models]").click()
    page.until(lambda: page.find("article"))
    assert [each.text for each in page.chrome.find_elements("css selector", "#in-use h2")] == [
        "Box blur the default",
        "Blur for scans the default for MR",
    ]
    assert page.text("#historical h3") == "Another blur"
    assert page.text("#blur .scores caption") == "none"
    row = page.text("#blur .scores tbody tr")
    assert "25 of 255" in row
    assert "1.0 dB" in row
    page.find(".mark").click()
    page.until(lambda: page.shown("#intake"))


def test_it_asks_for_a_key_where_the_service_does(page):
    page.site.key = "right"
    page.chrome.get(f"{page.site.url}/about-models")
    page.until(lambda: page.shown("#key-dialog"))
    page.find("#key").send_keys("right")
    page.find("#key-dialog [value=use]").click()
    page.until(lambda: page.find("article"))
    page.run("sessionStorage.clear()")
