"""What the actors do with a batch of rows, in this process."""

import pytest

pa = pytest.importorskip("pyarrow")
data = pytest.importorskip("denoiser.ray.data", reason="needs pip install 'denoiser[ray]'")

from app.bulk.rows import State, to_rows  # noqa: E402
from app.settings import Settings  # noqa: E402
from tests.bulk.conftest import png  # noqa: E402


@pytest.fixture(scope="module")
def settings(models):
    return {"models_dir": str(models), "model": "blur"}


def test_settings_for_elsewhere_are_those_that_were_made(models):
    made = data.portable(Settings(models_dir=models, model="blur"), cpus=1.5)
    assert made.items() >= {"models_dir": str(models), "model": "blur", "threads": 1}.items()
    assert data.portable(Settings(threads=3), cpus=8)["threads"] == 3


def test_a_row_of_bytes_comes_back_with_its_outcome(settings):
    files = [png(0), b"not an image", None]
    batch = pa.table({"path": ["a", "b", "c"], "bytes": pa.array(files, pa.binary())})
    found = data.Bytes({"strength": 0.5, "format": "webp"}, settings)(batch)
    assert found.column_names == ["path", *data.OUTCOME.names]
    good, *bad = found.to_pylist()
    assert good["bytes"][8:12] == b"WEBP"
    assert (good["path"], good["state"], good["format"]) == ("a", "done", "webp")
    assert (good["model"], bad[0]["model"]) == ("blur", None)
    assert 0 <= good["sigma"] <= 1
    assert [(row["path"], row["state"], row["bytes"]) for row in bad] == [
        ("b", "failed", None),
        ("c", "failed", None),
    ]
    assert [row["code"] for row in bad] == ["unsupported-media-type", "unreadable-image"]


def test_a_row_of_a_key_becomes_one_of_the_results(settings, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    keys = data.Keys(str(tmp_path / "in"), str(tmp_path / "out"), {}, settings)
    batch = pa.table({"key": ["a.png", "absent.png"]})
    done, failed = to_rows(keys(batch))
    assert done.state is State.DONE
    assert done.version
    assert (tmp_path / "out" / "a.png").stat().st_size == done.bytes
    assert (failed.state, failed.code) == (State.FAILED, "not-found")


def test_folders_go_together():
    with pytest.raises(TypeError, match="together"):
        data.denoise(None, source="memory://in")


def test_nothing_is_reported_to_the_makers_of_ray():
    from ray.data._internal.usage.collector import usage_collection_disabled

    assert usage_collection_disabled()


@pytest.mark.parametrize(("cores", "cpus"), [([2, 2], 1), ([8, 4, 1, 0], 3), ([16], 15)])
def test_an_actor_leaves_a_core_of_each_machine(monkeypatch, cores, cpus):
    alone(monkeypatch, cores)
    assert data._cpus_to_spare() == cpus


def test_machines_of_one_core_are_too_small(monkeypatch):
    alone(monkeypatch, [1, 1, 0])
    with pytest.raises(data.TooSmall, match="two cores"):
        data.denoise(None)


def alone(monkeypatch, cores):
    """Pretend to be on a cluster of machines with so many cores."""
    nodes = [
        {"Alive": True, "Resources": {"CPU": float(count)} if count else {}} for count in cores
    ]
    monkeypatch.setattr(data.ray, "is_initialized", lambda: True)
    monkeypatch.setattr(data.ray, "nodes", lambda: nodes)
