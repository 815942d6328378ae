"""`denoiser denoise` between buckets, in processes of its own, one of which is killed."""

import signal

import pytest

from app.bulk.store import Store
from benchmarks.accounts import fill
from benchmarks.bulk import SOURCE, bucket, two_shards_and_a_kill


@pytest.mark.timeout(240)
def test_no_picture_is_lost_or_done_twice(environment, monkeypatch):
    monkeypatch.setenv("DENOISER_THREADS", "1")
    with bucket():
        fill(Store(SOURCE), 60, 512)
        found, killed_at, codes = two_shards_and_a_kill(2)
        assert found.images == 60
        assert [bound for bound in found.bounds if not bound.holds] == []
        assert codes[0] == -signal.SIGKILL
        assert sorted(codes[1:]) in ([0, 1], [1, 1])  # by where the broken ones are
        assert killed_at < 30
