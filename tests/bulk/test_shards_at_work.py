"""`denoiser denoise` between buckets, in processes of its own, one of which is killed."""

import signal

import pytest

from benchmarks.bulk import bucket, fill, two_shards_and_a_kill


@pytest.mark.timeout(240)
def test_no_picture_is_lost_or_done_twice(models, monkeypatch):
    monkeypatch.setenv("DENOISER_MODELS_DIR", str(models))
    monkeypatch.setenv("DENOISER_MODEL", "blur")
    monkeypatch.setenv("DENOISER_THREADS", "1")
    with bucket():
        fill(60, 512)
        found = two_shards_and_a_kill(60, 2)
        assert [bound for bound in found.bounds if not bound.holds] == []
        assert found.codes[0] == -signal.SIGKILL
        assert sorted(found.codes[1:]) in ([0, 1], [1, 1])  # by where the broken ones are
        assert found.killed_at < 30
