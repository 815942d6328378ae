"""The page in a browser: Debian's chromium, driven against the service on a socket."""

import asyncio
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_app
from app.settings import Settings
from tests.serving import running

BUSY = {"title": "Service Unavailable", "detail": "Much to do.", "code": "overloaded"}
REFUSED = {"title": "Unauthorized", "detail": "Send a key.", "code": "unauthorized"}
FAULT = {"title": "Internal Server Error", "detail": "It is in the log.", "code": "internal-error"}
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
)

SCREENS = {"desktop": (1280, 900, False), "phone": (360, 740, True), "sideways": (740, 360, True)}


@dataclass
class Site:
    """The service; of requests to /denoise, `busy` are turned away first, and `faults` fail."""

    app: FastAPI
    url: str = ""
    busy: int = 0
    faults: int = 0
    cuts: int = 0
    """Answers that end before they are whole."""
    now: int = 0
    """Requests to /denoise that are being served."""
    most: int = 0
    """The most of them at a time."""
    key: str = ""
    """That /denoise and /models ask for, if any."""
    held: threading.Event = field(default_factory=threading.Event)
    """Set, but for while /denoise is to wait."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path")
        if self.key and path in ("/denoise", "/models") and not self._knows(scope):
            refusal = JSONResponse(REFUSED, 401, media_type="application/problem+json")
            await refusal(scope, receive, send)
            return
        if path != "/denoise":
            await self.app(scope, receive, send)
            return
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while not self.held.is_set():
                await asyncio.sleep(0.01)
            await self._answer()(scope, receive, send)
        finally:
            self.now -= 1

    def _knows(self, scope: Scope) -> bool:
        return Headers(scope=scope).get("X-API-Key") == self.key

    def _answer(self) -> ASGIApp:
        if self.busy:
            self.busy -= 1
            return JSONResponse(
                BUSY, 503, {"Retry-After": "1"}, media_type="application/problem+json"
            )
        if self.faults:
            self.faults -= 1
            return JSONResponse(FAULT, 500, media_type="application/problem+json")
        if self.cuts:
            self.cuts -= 1
            return cut_off
        return self.app

    def post(self, path: str, picture: bytes) -> bytes:
        """What the service answers to a picture sent without the page."""
        return httpx.post(self.url + path, files={"image": picture}).raise_for_status().content


async def cut_off(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Sends less than it promises."""
    headers = [(b"content-length", b"1000"), (b"content-type", b"image/png")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"\x89PNG"})


@pytest.fixture(scope="session")
def site(models_for_scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service with the models `blur` (the default), `scans` (that for MR) and `other`."""
    models = tmp_path_factory.mktemp("site") / "models"
    shutil.copytree(models_for_scans, models)
    shutil.copytree(models / "blur", models / "other")
    card = json.loads((models / "other" / "card.json").read_text())
    card |= {"name": "other", "title": "Another blur", "description": "Blurs as the first does."}
    card |= {"historical": True}
    (models / "other" / "card.json").write_text(json.dumps(card))

    with serving(create_app(Settings(models_dir=models, model="blur"))) as site:
        yield site


@contextmanager
def serving(app: FastAPI) -> Iterator[Site]:
    """The application on a free port, once it is ready."""
    site = Site(app)
    server = uvicorn.Server(uvicorn.Config(site, port=0, log_config=None, ws="none"))
    with running(server) as (_, port):
        site.url = f"http://127.0.0.1:{port}"
        site.held.set()
        try:
            while httpx.get(f"{site.url}/health/ready").status_code != 200:
                time.sleep(0.05)
            yield site
        finally:
            site.held.set()


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser without a window; skips where none is installed."""
    with browser() as chrome:
        if chrome is None:
            pytest.skip("no browser here: apt-get install chromium chromium-driver")
        yield chrome


@contextmanager
def browser() -> Iterator[webdriver.Chrome | None]:
    """A browser without a window; None where none is installed.

    CHROME_BIN, which GitHub's runners set, names the one of several that fits the driver.
    """
    named = os.environ.get("CHROME_BIN")
    program = named or shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (program and driver):
        yield None
        return
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


@dataclass
class Page:
    """The page as a visitor sees and uses it."""

    chrome: webdriver.Chrome
    site: Site
    downloads: Path

    def open(self, model: str = "blur") -> None:
        self.chrome.get(self.site.url)
        self.until(lambda: self.find(f"#model option[value={model}]"))

    def find(self, selector: str) -> WebElement:
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def run(self, script: str, *arguments: Any) -> Any:
        return self.chrome.execute_script(script, *arguments)

    def until(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.chrome, 30, 0.05, [Exception]).until(lambda _: condition())

    def done(self) -> None:
        """Wait until the picture is denoised, and scored where it is."""
        self.until(
            lambda: (
                self.text("#status") == "Done."
                and not self.find("#scores").get_attribute("aria-busy")
            )
        )

    def all_done(self) -> None:
        """Wait until every picture of the list is denoised or has failed."""
        self.until(lambda: self.text("#batch-count") and not self.shown("#batch-progress"))

    def shown(self, selector: str) -> bool:
        return self.find(selector).is_displayed()

    def choose(self, *paths: Path) -> None:
        self.find("#file").send_keys("\n".join(map(str, paths)))

    def drop(self, *paths: Path) -> None:
        """Drop files or folders from the disk, as a hand does."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            event = {"type": kind, "x": 300, "y": 300, "data": data}
            self.cdp("Input.dispatchDragEvent", **event)

    def cdp(self, command: str, **parameters: Any) -> None:
        """Do what the protocol for developers can and WebDriver cannot."""
        self.chrome.execute_cdp_cmd(command, parameters)

    def rows(self) -> dict[str, str]:
        """The list: what it says of each picture."""
        script = (
            "return [...document.querySelectorAll('#batch-list button')]"
            ".map(row => [row.querySelector('strong').textContent,"
            " row.querySelector('small').textContent])"
        )
        return dict(self.run(script))

    def row(self, name: str) -> WebElement:
        return self.find(f'#batch-list button[title="{name}"]')

    def set(self, selector: str, value: float) -> None:
        """Move a slider and let go of it."""
        self.run(
            "const slider = document.querySelector(arguments[0]); slider.value = arguments[1];"
            "for (const name of ['input', 'change'])"
            "  slider.dispatchEvent(new Event(name, {bubbles: true}));",
            selector,
            value,
        )

    def pick(self, name: str, value: str) -> None:
        """Press a radio button: its label is what a visitor presses."""
        self.find(f'label:has(> input[name="{name}"][value="{value}"])').click()

    def select(self, selector: str, value: str) -> None:
        self.find(f'{selector} option[value="{value}"]').click()

    def measure(self, name: str) -> float:
        """A length of the comparison: --split in percent, --x and others in pixels."""
        style = "return getComputedStyle(document.querySelector('#comparison'))"
        value = self.run(f"{style}.getPropertyValue(arguments[0])", name)
        return float(value.removesuffix("px").removesuffix("%"))

    def download(self, button: str = "#download") -> Path:
        self.find(button).click()
        found = self.until(
            lambda: [each for each in self.downloads.iterdir() if each.suffix != ".crdownload"]
        )
        self.until(lambda: self.text("#status").startswith("Saved"))
        return Path(found[0])

    def log(self) -> list[Any]:
        """Messages on the console, but for the browser's own notes that a request failed."""
        entries: list[Any] = self.chrome.get_log("browser")
        return [each for each in entries if each["source"] != "network"]


@pytest.fixture
def page(chromium: webdriver.Chrome, site: Site, tmp_path: Path) -> Iterator[Page]:
    """The page, freshly opened; a message on the console, or a foreign host, fails the test."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    chromium.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    site.most = site.busy = site.faults = site.cuts = 0
    site.key = ""
    site.held.set()
    page = Page(chromium, site, downloads)
    page.open()
    yield page
    page.run("localStorage.clear()")
    assert page.log() == []
    fetched = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert [url for url in fetched if not url.startswith((site.url, f"blob:{site.url}"))] == []


@pytest.fixture(params=[(t, s) for t in ("light", "dark") for s in SCREENS], ids="-".join)
def screen(request: pytest.FixtureRequest, page: Page) -> Iterator[Page]:
    """The page in light and dark, on a desktop and a phone, also one held sideways."""
    theme, screen = request.param
    width, height, mobile = SCREENS[screen]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    page.cdp("Emulation.setDeviceMetricsOverride", **metrics)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    page.cdp("Emulation.setEmulatedMedia", features=features)
    yield page
    page.cdp("Emulation.clearDeviceMetricsOverride")
    page.cdp("Emulation.setEmulatedMedia", features=[])


@pytest.fixture
def tiles(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Lets the network do a batch each time that it is released."""
    gate = threading.Semaphore(0)
    batcher = site.app.state.service.models.loaded["blur"]._batcher
    forward = batcher._forward

    def gated(batch: Any) -> Any:
        assert gate.acquire(timeout=60)
        return forward(batch)

    monkeypatch.setattr(batcher, "_forward", gated)
    yield gate
    gate.release(100)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A picture of more than 4 million pixels, in more than one tile."""
    Image.linear_gradient("L").resize((2600, 1700)).save(tmp_path / "large.jpg")
    return tmp_path / "large.jpg"


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a picture of random pixels under the given file name."""

    def write(name: str, width: int = 60, height: int = 40, mode: str = "RGB") -> Path:
        pixels = np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).convert(mode).save(tmp_path / name)
        return tmp_path / name

    return write
