"""The wheel in an environment of its own, outside the checkout: models, commands and names."""

import os
import re
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
import yaml

from app.settings import PROJECT
from tests.api.conftest import image_file, wait_until

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the build leaves nothing in the checkout."""
    source, folder = (tmp_path_factory.mktemp(name) for name in ("source", "wheel"))
    for name in ("app", "denoiser", "denoiser_client", "models", "training"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    subprocess.run([*PIP, "wheel", "--quiet", "--no-deps", "-w", folder, source], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def commands(wheel, tmp_path_factory):
    """The commands of an environment that has the wheel, and what it needs from the running one."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    subprocess.run([*PIP, "--python", python, *install], check=True)
    (packages,) = home.glob("lib/python3.*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return home / "bin"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working folder without the project's code, and an environment without its settings."""
    for name in [name for name in os.environ if name.startswith(("DENOISER_", "PYTHON"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_names_are_its_own(wheel):
    tops = {Path(name).parts[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "denoiser",
        "denoiser_client",
    }


@pytest.mark.timeout(180)
def test_it_serves_a_picture_from_any_folder(commands, elsewhere):
    (elsewhere / "app.py").write_text("raise RuntimeError('the folder is not ours')")
    command = (commands / "denoiser", "serve", "--port", "0", "--log-format", "json")
    with (
        (elsewhere / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as service,
    ):
        try:
            wait_until(lambda: address(elsewhere / "log"), 60)
            with httpx.Client(base_url=address(elsewhere / "log"), timeout=60) as client:
                wait_until(lambda: client.get("/health/ready").status_code == 200, 120)
                answer = client.post("/denoise", files={"image": image_file()})
                assert answer.status_code == 200, answer.text
                assert answer.headers["x-model"] == "unet"
                assert "<html" in client.get("/").text
        finally:
            service.terminate()
    assert service.returncode == 0, (elsewhere / "log").read_text()


def address(log):
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
    return found[0] if found else ""


@pytest.mark.parametrize("module", ["denoiser", "denoiser.training"])
def test_its_modules_can_be_run(commands, elsewhere, module):
    (elsewhere / "training.py").write_text("raise RuntimeError('the folder is not ours')")
    done = subprocess.run(
        [commands / "python", "-m", module, "--help"], capture_output=True, text=True, check=True
    )
    assert "usage: " in done.stdout


def test_the_image_has_one_name():
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    images = {service["image"] for service in compose["services"].values()}
    assert images == {"${IMAGE:?}:cpu", "${IMAGE:?}:gpu"}
    (name,) = re.findall("^IMAGE=(.*)$", (PROJECT / ".env").read_text(), re.MULTILINE)
    manifest = (PROJECT / "deploy/kubernetes/service/service.yaml").read_text()
    assert re.findall("image: (.*)", manifest.split("---")[0].split("apiVersion", 1)[1]) == [
        f"{name}:cpu"
    ]
    (command,) = re.findall(
        r"^kubectl .*\| (sed .*) \| kubectl apply",
        (PROJECT / "docs" / "deploy.md").read_text(),
        re.MULTILINE,
    )
    named = subprocess.run(
        ["sh", "-c", command],
        input=manifest,
        env={**os.environ, "IMAGE": "registry.test/denoiser"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "image: registry.test/denoiser:cpu" in named
