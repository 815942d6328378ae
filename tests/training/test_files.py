import pytest

from training.files import write


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", b"two"):
        write(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_on_a_full_disk_the_old_file_stays(tmp_path, disk_of):
    path = tmp_path / "a"
    write(path, b"old")
    with disk_of(1000), pytest.raises(OSError, match="File too large") as caught:
        write(path, bytes(100_000))
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
