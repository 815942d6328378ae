"""What the service is built of, and what its container may do."""

import re
import tomllib

import pytest
import yaml

from app.settings import PROJECT

BUILD_TOOLS = {"setuptools", "wheel"}
"""Of TensorFlow's dependencies; the image has them removed, and pip-licenses leaves them out."""


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def lines(name):
    return (PROJECT / name).read_text().splitlines()


@pytest.mark.parametrize("kind", ["", "-cloud", "-dev", "-gpu", "-openvino"])
def test_every_dependency_is_pinned(kind):
    for line in lines(f"requirements{kind}.lock"):
        assert re.fullmatch(r"[a-z0-9-]+(\[[a-z-]+\])?==[0-9][^ ]*( ; .+)?", line)


def test_every_dependency_is_listed_with_its_licence():
    here = [line for line in lines("requirements.lock") if "!= 'x86_64'" not in line]
    pinned = {normal(line.partition("==")[0]) for line in here}  # the list is made on x86-64
    rows = [line.split("|") for line in lines("docs/licences.md") if line.startswith("|")]
    listed = {normal(row[1].strip()) for row in rows[2:]}
    assert listed == pinned - BUILD_TOOLS, "run make licences"


WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_pinned_actions_with_the_least_rights(path):
    text = path.read_text()
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert not [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", each)]
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_the_oldest_and_the_newest_python_are_tested():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "test.yml").read_text())
    oldest, newest = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    major, minor = newest.split(".")
    assert project["requires-python"] == f">={oldest},<{major}.{int(minor) + 1}"


def test_the_container_has_no_more_rights_than_it_needs():
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    assert services
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["pids_limit"] > 0
        assert not service.keys() & {"cap_add", "privileged", "volumes", "network_mode"}


def test_the_image_runs_as_a_plain_user_on_one_base():
    instructions = lines("Dockerfile")
    assert "USER 10001:10001" in instructions
    bases = [line.split()[1] for line in instructions if line.startswith("FROM ")]
    (base,) = set(bases) - {"dependencies"}
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)


def test_all_that_the_image_is_built_from_reaches_the_builder():
    words = (PROJECT / "Dockerfile").read_text()
    copied = {
        word.removesuffix("/")
        for line in words.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    needed = copied - {"requirements*.lock"} | set(re.findall(r"requirements[a-z-]*\.lock", words))
    sent = {line[1:] for line in lines(".dockerignore") if line.startswith("!")}
    assert needed == sent
