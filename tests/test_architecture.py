"""Imports run one way: no layer knows of those above it."""

import ast

import pytest

from app.settings import PROJECT

LAYERS = (
    ("app.settings", "app.imaging"),
    ("app.sandbox", "app.inference"),
    ("app.service",),
    ("app.api", "app.web"),
    ("app.main",),
    ("app.server",),
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


@pytest.mark.parametrize("module", ["cli", "batch", "pipeline", "files", "finding"])
def test_the_command_line_needs_nothing_of_http(module):
    assert not [
        name for name in imports(PROJECT / "app" / f"{module}.py") if name.startswith("app.api")
    ]


def test_the_core_needs_no_web_framework():
    for layer in ("settings.py", "imaging", "sandbox", "inference", "service"):
        base = PROJECT / "app" / layer
        for path in [base] if base.suffix else base.rglob("*.py"):
            roots = {name.split(".")[0] for name in imports(path)}
            assert not roots & {"fastapi", "starlette", "uvicorn"}, path
