import pytest

from app.bulk import listing
from app.bulk.store import Store, StoreError


def test_s3_is_listed_a_page_at_a_time(s3, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 2)
    for name in ("a.png", "b/c.png", "b/d/e.png", "f.png", "g.png"):
        s3.pipe_file(f"bucket/in/{name}", name.encode())
    s3.pipe_file("bucket/input/other.png", b"x")
    store = Store("s3://bucket/in/")
    files = list(store.files())
    assert [file.key for file in files] == ["a.png", "b/c.png", "b/d/e.png", "f.png", "g.png"]
    assert files[1].url == "s3://bucket/in/b/c.png"
    assert files[1].size == 7
    assert store.find("b/c.png") == files[1]
    assert store.key(files[1].url) == "b/c.png"
    assert list(store.files("nothing")) == []
    with pytest.raises(StoreError, match="cannot list s3://absent"):
        list(Store("s3://absent/in").files())
