"""A program starts again with huge pages, once, and as it was called."""

import os
import subprocess
import sys

import pytest

from app import huge_pages
from app.settings import PROJECT

ASKED = "glibc.malloc.hugetlb=1"
PROGRAM = """
import os, sys
print("began", flush=True)
from app import huge_pages
huge_pages.use()
print(os.environ.get("GLIBC_TUNABLES"), sys.argv[1:], sys.stdin.read(), sys.flags.isolated)
sys.exit(3)
"""


def run(program, *arguments, told=None):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment.pop("GLIBC_TUNABLES", None)
    if told is not None:
        environment["GLIBC_TUNABLES"] = told
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        input="given",
        capture_output=True,
        text=True,
        env=environment,
        cwd=PROJECT,
    )


@pytest.mark.skipif(not huge_pages._has_glibc(), reason="needs glibc")
@pytest.mark.parametrize(
    ("told", "then", "times"),
    [
        (None, ASKED, 2),
        ("glibc.malloc.check=0", f"glibc.malloc.check=0:{ASKED}", 2),
        (ASKED, ASKED, 1),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0", 1),
    ],
)
def test_a_program_starts_again_as_it_was_called(told, then, times):
    done = run(PROGRAM, "a b", "--flag", told=told)
    assert done.returncode == 3, done.stderr
    said = f"{then} ['a b', '--flag'] given 0"
    assert done.stdout.splitlines() == ["began"] * times + [said]


def test_a_program_goes_on_where_it_cannot_start_again():
    hindered = "import sys; sys.executable = '/nowhere'\n" + PROGRAM
    done = run(hindered)
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("began\n")
    assert "given" in done.stdout


def test_without_glibc_nothing_happens(monkeypatch):
    def unknown(_):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    huge_pages.use()
    assert "GLIBC_TUNABLES" not in os.environ
