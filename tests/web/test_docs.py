"""The pages of the API's description, in a browser and under their own policy."""

import json


def test_swagger_ui_shows_the_contract_and_tries_it_out(page):
    page.chrome.get(f"{page.site.url}/docs")
    page.until(lambda: page.find("#operations-images-denoise"))

    page.find("#operations-models-list_models .opblock-summary-control").click()
    page.until(lambda: page.find(".try-out__btn")).click()
    page.until(lambda: page.find(".execute")).click()
    answer = page.until(lambda: page.text(".live-responses-table .highlight-code code"))
    assert json.loads(answer)["default"] == "blur"


def test_redoc_shows_the_contract(page):
    page.chrome.get(f"{page.site.url}/redoc")
    page.until(lambda: "Remove the noise from an image" in page.text("body"))
