"""Imports run one way, and the recipes of docs/architecture.md lead where they say."""

import ast
import re
import shutil
import subprocess
import sys

import pytest

from app.settings import PROJECT

LAYERS = (
    (
        *("app.settings", "app.flags", "app.console", "app.streams", "app.logs"),
        *("app.huge_pages", "app.imaging"),
    ),
    ("app.sandbox", "app.inference"),
    ("app.service",),
    ("app.api", "app.web"),
    ("app.main",),
    ("app.server", "app.files", "app.bulk"),
    ("app.cli",),
)
"""From the bottom up; those that stand together may know each other."""


def height(module):
    """The number of the layer that a module belongs to; None where it has none."""
    for number, packages in enumerate(LAYERS):
        if any(f"{module}.".startswith(f"{package}.") for package in packages):
            return number
    return None


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("package", [package for layer in LAYERS for package in layer])
def test_no_module_knows_of_a_layer_above_it(package):
    base = PROJECT.joinpath(*package.split("."))
    paths = [*base.rglob("*.py"), *base.parent.glob(f"{base.name}.py")]
    assert paths
    upwards = [
        (str(path.relative_to(PROJECT)), name)
        for path in paths
        for name in imports(path)
        if (height(name) or 0) > height(package)
    ]
    assert upwards == []


def test_every_module_has_a_layer_and_the_page_names_it():
    names = [name for layer in LAYERS for name in layer]
    for path in (PROJECT / "app").iterdir():
        if path.name.startswith("__") or not (
            path.suffix == ".py" or (path / "__init__.py").exists()
        ):
            continue
        assert f"app.{path.stem}" in names
        assert f"`app/{path.name}`" in PAGE


@pytest.mark.parametrize("room", ["cli.py", "files", "bulk"])
def test_the_command_line_needs_nothing_of_http(room):
    base = PROJECT / "app" / room
    for path in [base] if base.suffix else base.rglob("*.py"):
        assert not [name for name in imports(path) if name.startswith("app.api")], path


def test_the_core_needs_no_web_framework():
    for layer in ("settings.py", "imaging", "sandbox", "inference", "service"):
        base = PROJECT / "app" / layer
        for path in [base] if base.suffix else base.rglob("*.py"):
            roots = {name.split(".")[0] for name in imports(path)}
            assert not roots & {"fastapi", "starlette", "uvicorn"}, path


PAGE = (PROJECT / "docs" / "architecture.md").read_text()
BLOCK = re.compile(r"`([\w./]+\.py)`:\n\n```(diff|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def copy(tmp_path):
    """The code that a recipe changes, with its tests."""
    for name in ("app", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "hostile")
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def blocks(recipe):
    """The file, language and text of each block of code in a recipe."""
    section = PAGE.split(f"\n### {recipe}\n")[1].split("\n### ")[0]
    found = BLOCK.findall(section)
    assert len(found) == section.count("```") // 2, "a block follows the name of its file"
    return found


def changed(text, diff):
    """`text` with the lines of a diff, of which those that stay or go occur once in it."""
    lines = diff.splitlines(keepends=True)
    before, after = (
        "".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +")
    )
    assert text.count(before) == 1, f"to be brought up to date in docs/architecture.md:\n{before}"
    return text.replace(before, after)


@pytest.mark.parametrize("recipe", ["Add a noise kind", "Add an endpoint"])
def test_a_recipe_leads_to_code_that_passes_the_test_it_brings(recipe, copy):
    tests = []
    for name, language, block in blocks(recipe):
        path = copy / name
        if language == "diff":
            path.write_text(changed(path.read_text(), block))
            continue
        assert not path.exists()
        path.write_text(block)
        tests += [name] if name.startswith("tests/") else []
    assert tests
    command = [sys.executable, "-m", "pytest", "-q", "--no-cov", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_page_names_is_there():
    """All but what the recipes bring."""
    brought = {
        name for recipe in ("Add a noise kind", "Add an endpoint") for name, *_ in blocks(recipe)
    }
    named = set(re.findall(r"`((?:app|tests|training|docs)/[\w./]+)`", PAGE))
    assert len(named) > 20
    assert not [name for name in named - brought if not (PROJECT / name).exists()]
