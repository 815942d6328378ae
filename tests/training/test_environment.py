import platform
from importlib.metadata import version

from training import environment
from training.environment import environment as describe
from training.environment import versions


def test_versions_are_those_installed():
    found = versions()
    assert found["denoiser"] == version("denoiser")
    assert found["keras"] == version("keras")
    assert found["backend"] == f"tensorflow {version('tensorflow-cpu')}"


def test_a_source_tree_that_is_not_installed_says_so(monkeypatch):
    monkeypatch.setattr(environment, "PROJECT", "no-such-package")
    assert versions()["denoiser"] == "not installed"


def test_the_processor_has_a_name_even_where_linux_tells_none(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "processor", lambda: "a processor")
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "none")
    assert describe()["processor"] == "a processor"
