import os

import pytest

from app.bulk import folders
from app.bulk.store import Store, StoreError


@pytest.fixture
def tree(tmp_path):
    for name in ("d", "b", "c/2", "a", "c/1", "e/x/y"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_files_come_in_order_whatever_fits_into_memory(tree, monkeypatch, at_once):
    monkeypatch.setattr(folders, "NAMES", at_once)
    found = [os.path.relpath(path, tree) for path in folders.files(str(tree))]
    assert found == ["a", "b", "d", "c/1", "c/2", "e/x/y"]


def test_the_first_files_come_before_the_other_folders_are_read(tree):
    found = folders.files(str(tree))
    assert next(found).endswith("/a")
    (tree / "c" / "0").write_bytes(b"x")
    assert f"{tree}/c/0" in list(found)


def test_links_to_files_are_files_and_links_to_folders_are_not_followed(tree):
    (tree / "c" / "link").symlink_to(tree / "a")
    (tree / "c" / "loop").symlink_to(tree)
    store = Store(str(tree))
    listed = list(store.files("c"))
    assert [file.key for file in listed] == ["c/1", "c/2", "c/link"]
    assert listed == [store.find(file.key) for file in listed]


def test_links_to_nowhere_are_left_out(tree):
    whole = list(Store(str(tree)).files())
    for name, goal in {"w": "nowhere", "x": "x", "y": "a/below", "z": "z" * 300}.items():
        (tree / name).symlink_to(goal)
    assert list(Store(str(tree)).files()) == whole


def test_a_folder_that_is_not_there_has_no_files(tree):
    assert list(folders.files(f"{tree}/nothing")) == []


def test_a_folder_that_cannot_be_read_ends_the_listing(tree, monkeypatch):
    def refuse(_folder):
        raise PermissionError("no")

    monkeypatch.setattr("app.bulk.folders.os.scandir", refuse)
    with pytest.raises(StoreError, match="cannot list"):
        list(Store(str(tree)).files())


def test_a_name_that_is_not_utf8_ends_the_listing_with_the_reason(tree):
    (tree / os.fsdecode(b"\xe9.png")).write_bytes(b"x")
    with pytest.raises(StoreError, match=r"cannot list .*\\udce9"):
        list(Store(str(tree)).files())
