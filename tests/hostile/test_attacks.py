"""Files of each kind that has broken a decoder: refused at once, whatever else is going on."""

import ast
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import imagecodecs
import pytest

from tests.fidelity.files import NOISE, by_pillow
from tests.hostile.attacks import attacks, progressive, tiff
from tests.hostile.corpus import bombs

ROOT = Path(__file__).parents[2]
GOOD = by_pillow(NOISE, "PNG")
HEADERS = {"Content-Type": "image/x"}
FAX = {
    f"by {code}" for code in (2, 3, 4)
}  # faxes have no checks: rows that make no sense are white


@pytest.fixture(scope="module")
def outcomes():
    """What became of each file, in a process whose end by a decoder is seen."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.hostile.attacks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, (done.stdout[-200:], done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_none_ends_its_process_or_is_read(outcomes):
    assert len(outcomes) == len(list(attacks())) > 1000
    read = {name for name, _, outcome in outcomes if " x " in outcome}
    assert {name.partition("' ")[2] for name in read} <= FAX


def test_security_says_how_many_there_are(outcomes):
    assert f"tries {len(outcomes):,} variants" in (ROOT / "SECURITY.md").read_text()


def test_each_takes_less_than_a_second(outcomes):
    """Of processor time, whatever else the machine does."""
    assert max((seconds, name) for name, seconds, _ in outcomes) < (1,)


def test_each_is_refused_for_what_it_is(outcomes):
    for name, _, outcome in outcomes:
        if re.match(r"field \d+ of type|compression|lossless", name):
            assert outcome in ("UnsupportedImage", "UnreadableImage"), name
            assert outcome == "UnsupportedImage" or "JPEG" in name or "7," in name, name
        elif "tiles" in name:
            assert outcome != "MemoryError", name


@pytest.mark.parametrize("scans", [3, 8])
def test_scans_that_encoders_may_well_write_are_read(scans):
    from app.imaging.codec import decode

    assert decode(progressive(64, scans, means=True), max_pixels=64 * 64).size == 64 * 64


def test_the_plain_file_that_is_varied_is_read():
    from app.imaging.codec import decode

    assert decode(tiff({}), max_pixels=64 * 64).size == 64 * 64
    assert decode(tiff({}, big=True), max_pixels=64 * 64).size == 64 * 64


def test_they_get_a_4xx_and_harm_nobody(client):
    """Some of each kind, and all bombs, beside eight clients that lose nothing."""
    files, over, lost = [*list(attacks())[::20], *bombs()], threading.Event(), []

    def post():
        while not over.is_set():
            answer = client.post("/denoise", content=GOOD, headers=HEADERS)
            if answer.status_code != 200:
                lost.append(answer.text)

    clients = [threading.Thread(target=post) for _ in range(8)]
    for each in clients:
        each.start()
    times = {}
    try:
        for file in files:
            began = time.monotonic()
            answer = client.post("/denoise?strength=0", content=file.data, headers=HEADERS)
            times[file.name] = time.monotonic() - began
            allowed = (200, 400, 413, 415)  # bombs of text are pictures once that is left out
            assert answer.status_code in allowed, (file.name, answer.text)
    finally:
        over.set()
        for each in clients:
            each.join()
    assert not lost
    assert max(times.values()) < 10, max(times, key=times.__getitem__)


def native_functions():
    """The functions of imagecodecs that the service's code names."""
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            owner = getattr(node, "value", None)
            if isinstance(node, ast.Attribute) and getattr(owner, "id", "") == "imagecodecs":
                if node.attr.islower():
                    yield node.attr
            elif isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(("imagecodecs", "tifffile")), path
            elif isinstance(node, ast.Import):
                assert "tifffile" not in {name.name for name in node.names}, path
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr":
                assert "imagecodecs" not in ast.unparse(node), path


def test_native_code_that_can_be_reached_is_listed_and_stands_for_itself():
    text = (ROOT / "SECURITY.md").read_text().partition("## Native code")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`(\w+)`", text))
    reached = set(native_functions())
    assert reached <= listed, reached - listed
    assert {name for name in listed if hasattr(imagecodecs, name)} == reached
    for name in reached:  # functions written in Python may turn to another decoder
        assert type(getattr(imagecodecs, name)).__name__ == "cython_function_or_method", name


def test_pillow_is_asked_for_bmp_and_gif_alone():
    asked = set()
    for path in (ROOT / "app/imaging").rglob("*.py"):
        asked |= set(re.findall(r"from (PIL\.\w+) import", path.read_text()))
        assert "Image.open" not in path.read_text()
    assert asked == {"PIL.BmpImagePlugin", "PIL.GifImagePlugin"}
