import errno
import os

import numpy as np
import pytest

from app.sandbox.shared import Region


def test_both_sides_see_the_same_bytes():
    region = Region.holding(b"0123456789")
    other = Region(10, os.dup(region.fd))
    other.array((2,), np.uint8, offset=3)[...] = ord("x")
    assert region.read() == b"012xx56789"


def test_views_outlive_the_region():
    region = Region(8)
    samples = region.array((2, 4), np.uint8)
    samples[...] = 7
    region.close()
    del region
    assert samples.sum() == 56


def test_no_view_reaches_beyond_the_region():
    with pytest.raises(ValueError, match="buffer"):
        Region(10).array((11,), np.uint8)
    with pytest.raises(ValueError, match="offset"):
        Region(10).array((1,), np.uint8, offset=11)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no seals")
@pytest.mark.parametrize("size", [0, 1, 20_000])
def test_nobody_can_change_how_many_bytes_there_are(size):
    region = Region(100)
    with pytest.raises(PermissionError):
        os.ftruncate(region.fd, size)


def test_without_anonymous_memory_a_file_without_a_name_serves(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    region = Region.holding(b"abc")
    assert list(tmp_path.iterdir()) == []
    assert Region(3, os.dup(region.fd)).read() == b"abc"


def test_what_the_machine_cannot_hold_is_want_of_memory():
    with pytest.raises(MemoryError):
        _ = Region(1 << 47).view


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_lack_of_descriptors_is_want_of_memory_too(code, monkeypatch):
    def fail(*_):
        raise OSError(code, "none left")

    monkeypatch.setattr("os.memfd_create", fail)
    with pytest.raises(MemoryError):
        Region(1)


def test_memory_that_nobody_touches_costs_nothing():
    region = Region(1 << 36)
    assert os.fstat(region.fd).st_blocks == 0
