"""The pictures of the documentation, made of the project's own samples:

    python -m tests.web.pictures

writes docs/page.jpg, the page in use, for which a browser is needed, docs/before-after.jpg, and
docs/article.jpg.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image

from app.main import create_app
from app.settings import PROJECT, Settings
from tests.web.conftest import Page, Site, browser, serving
from tests.web.samples import FOLDER

DOCS = PROJECT / "docs"
WINDOW = {"width": 1200, "height": 960, "deviceScaleFactor": 1, "mobile": False}
DETAILS = {
    "high-iso": (250, 110),
    "film": (150, 60),
    "scan": (0, 60),
    "landscape": (420, 150),
    "mri": (110, 90),
}
"""Of each sample: left and top of what is shown of it."""
PHOTOGRAPHS = ("high-iso", "film", "scan")
SIDE = 280
GAP = 6


def page(site: Site) -> Image.Image:
    """The page with a photograph on it, noisy left of the divider and denoised right of it."""
    with browser() as chrome:
        if chrome is None:
            raise SystemExit("no browser here: apt-get install chromium chromium-driver")
        page = Page(chrome, site, Path())
        page.cdp("Emulation.setDeviceMetricsOverride", **WINDOW)
        page.cdp("Emulation.setScrollbarsHidden", hidden=True)
        page.open("unet")
        page.find("[data-sample=high-iso]").click()
        page.done()
        return Image.open(BytesIO(chrome.get_screenshot_as_png())).convert("RGB")


def before_after(site: Site) -> Image.Image:
    """A detail of each photograph as it is, and below it what the service answers."""
    width = len(PHOTOGRAPHS) * (SIDE + GAP) - GAP
    sheet = Image.new("RGB", (width, 2 * SIDE + GAP), "white")
    for column, name in enumerate(PHOTOGRAPHS):
        left, top = DETAILS[name]
        noisy = (FOLDER / f"{name}.jpg").read_bytes()
        for row, data in enumerate((noisy, site.post("/denoise", noisy))):
            detail = Image.open(BytesIO(data)).crop((left, top, left + SIDE, top + SIDE))
            sheet.paste(detail.convert("RGB"), (column * (SIDE + GAP), row * (SIDE + GAP)))
    return sheet


def article(site: Site) -> Image.Image:
    """Details with noise of factor 0.4; by the autoencoder that was trained for it; by default."""
    rows = {"mri": "autoencoder-mri", "landscape": "autoencoder-photo"}
    sheet = Image.new("RGB", (3 * (SIDE + GAP) - GAP, len(rows) * (SIDE + GAP) - GAP), "white")
    for row, (name, model) in enumerate(rows.items()):
        left, top = DETAILS[name]
        noisy = site.post("/noise?factor=0.4&seed=1", (FOLDER / f"{name}.png").read_bytes())
        restored = (site.post(f"/denoise?model={each}", noisy) for each in (model, "unet"))
        for column, data in enumerate((noisy, *restored)):
            detail = Image.open(BytesIO(data)).crop((left, top, left + SIDE, top + SIDE))
            sheet.paste(detail.convert("RGB"), (column * (SIDE + GAP), row * (SIDE + GAP)))
    return sheet


if __name__ == "__main__":
    with serving(create_app(Settings())) as site:
        page(site).save(DOCS / "page.jpg", quality=64, optimize=True)
        before_after(site).save(DOCS / "before-after.jpg", quality=60, optimize=True)
        article(site).save(DOCS / "article.jpg", quality=70, optimize=True)
