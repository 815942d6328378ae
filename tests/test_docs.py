"""The examples of the documentation, run as they stand against a live service."""

import json
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from app.imaging import codec
from app.imaging.noise import NoiseKind
from app.imaging.picture import Change
from app.main import DESCRIPTION, create_app
from app.settings import PROJECT, Settings
from tests.api.conftest import listening, wait_until
from tests.conftest import blur_model, write_package
from tests.fidelity.files import dicom, nifti, series, zipped

RUN = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
NODE = ["node", "--input-type=module", "--eval"]
CALLS = PROJECT / "docs" / "calling.md"
SCANS = PROJECT / "docs" / "scans.md"
README = PROJECT / "README.md"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def calls_of_the_readme(language):
    section = README.read_text().split("## Call it\n")[1].split("\n## ")[0]
    return [block for block in blocks(section, language) if "localhost:8000" in block]


def calls_of_the_description():
    indented = re.findall(r"(?:^    .*\n)+", DESCRIPTION, re.MULTILINE)
    return [re.sub("^    ", "", block, flags=re.MULTILINE) for block in indented]


EXAMPLES = [
    *((language, block) for language in RUN for block in blocks(CALLS.read_text(), language)),
    *((language, block) for language in RUN for block in calls_of_the_readme(language)),
    *(("sh", block) for block in calls_of_the_description()),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A service with the model that the examples name."""
    models = tmp_path_factory.mktemp("models")
    write_package(models / "unet", blur_model())
    with listening(create_app(Settings(models_dir=models, model="unet"))) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
    for name in ("photo.jpg", "photo.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def run(command, example, client, folder):
    """Runs an example in `folder`; returns what it prints and the pictures it has made."""
    before = set(folder.rglob("*.*"))
    here = example.replace("localhost:8000", f"127.0.0.1:{client.base_url.port}")
    done = subprocess.run([*command, here], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    made = set(folder.rglob("*.*")) - before
    for path in made:
        Image.open(path).load()
    return done.stdout, made


@pytest.mark.parametrize(("language", "example"), EXAMPLES)
def test_the_examples_run_as_they_stand(language, example, client, folder):
    if language == "sh" and shutil.which("curl") is None:
        pytest.skip("no curl here: apt-get install curl")
    printed, made = run(RUN[language], example, client, folder)
    assert made or printed or "assert" in example


@pytest.mark.parametrize("language", RUN)
def test_the_examples_for_scans_run_as_they_stand(language, client, tmp_path):
    samples = np.random.default_rng(1).integers(0, 4096, (33, 40, 36), "i2")
    (tmp_path / "brain.nii.gz").write_bytes(nifti(samples, packed=True))
    (tmp_path / "slice.dcm").write_bytes(dicom(samples[0], PixelRepresentation=1))
    slices = series(samples[:4], PixelRepresentation=1)
    (tmp_path / "series.zip").write_bytes(zipped(*slices))
    for name, data in slices:
        (tmp_path / "series" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "series" / name).write_bytes(data)
    given = set(tmp_path.iterdir())
    examples = [each for each in blocks(SCANS.read_text(), language) if "localhost:8000" in each]
    assert examples
    for example in examples:
        here = example.replace("localhost:8000", f"127.0.0.1:{client.base_url.port}")
        subprocess.run([*RUN[language], here], cwd=tmp_path, check=True, timeout=60)
    made = set(tmp_path.iterdir()) - given
    assert made
    for path in made:
        assert codec.decode(path.read_bytes(), max_pixels=1 << 20).height == 40


def test_every_kind_of_noise_is_documented():
    described = re.findall(r"^\| `([a-z-]+)` \|", CALLS.read_text(), re.MULTILINE)
    assert set(NoiseKind) <= set(described)
    row = re.search(r"^\| `POST /noise` .*`kind` \((.*?)\)", README.read_text(), re.MULTILINE)
    assert row
    assert set(row[1].split(", ")) == set(NoiseKind)


def test_every_change_is_documented():
    section = CALLS.read_text().split("### Changes\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == sorted(Change)


def test_there_are_examples_of_each_kind():
    assert len(EXAMPLES) > 8
    assert len(calls_of_the_readme("sh")) == len(calls_of_the_readme("python")) == 1
    assert len(calls_of_the_description()) == 1


@pytest.mark.parametrize("example", blocks(CALLS.read_text(), "javascript"))
def test_the_examples_in_javascript_run_as_they_stand(example, client, folder):
    if shutil.which("node") is None:
        pytest.skip("no node here: apt-get install nodejs")
    printed, made = run(NODE, example, client, folder)
    assert [path.name for path in made] == ["clean.webp"]
    assert float(printed) >= 0


def test_the_examples_of_the_description_are_taken(client, folder):
    """As `Try it out` sends them: every parameter at its example."""
    photo = (folder / "photo.png").read_bytes()
    description = client.get("/openapi.json").json()
    job = client.post("/jobs", files={"image": photo}).json()["id"]
    while client.get(f"/jobs/{job}").json()["state"] != "done":
        time.sleep(0.05)
    operations = [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    for path, method, operation in sorted(operations, key=lambda each: each[1] == "delete"):
        query, address = {}, path
        for parameter in operation.get("parameters", []):
            examples = parameter.get("schema", {}).get("examples") or parameter.get("examples")
            if not examples:
                continue
            if parameter["in"] == "path":
                value = job if parameter["name"] == "job_id" else examples[0]
                address = address.replace(f"{{{parameter['name']}}}", value)
            else:
                query[parameter["name"]] = examples[0]
        form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
        fields = form["schema"]["properties"] if form else {}
        answer = client.request(
            method, address, params=query, files=dict.fromkeys(fields, photo) or None
        )
        assert answer.is_success, (address, query, answer.text)


def test_the_figures_for_scans_are_those_of_the_model_cards():
    rows = re.findall(r"^\| (\d+)(?:, clean)? \|(.*)\|$", SCANS.read_text(), re.MULTILINE)
    told = {float(sigma): [cell.strip() for cell in cells.split("|")] for sigma, cells in rows}
    found: dict[float, list[str]] = {}
    for name in ("unet", "unet-fast", "unet-mri"):
        card = json.loads((PROJECT / "models" / name / "card.json").read_text())
        for score in card["metrics"]:
            if score["dataset"] == "brain MRI" and re.match("rician|clean", score["protocol"]):
                noisy = f"{score['noisy']:.1f}" if score["sigma"] else ""
                found.setdefault(score["sigma"], [noisy]).append(f"{score['psnr']:.1f}")

    assert len(found) == 4
    assert told == found


PAGES = sorted(
    page
    for folder in (".", "docs", "training", "benchmarks")
    for page in (PROJECT / folder).glob("*.md")
)


def anchors(page):
    """Those of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"
