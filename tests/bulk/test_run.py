"""The whole way between stores, with work that needs no network."""

import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.bulk.command import Request, wanted
from app.bulk.convert import Converter, target_key
from app.bulk.manifest import keys
from app.bulk.results import Results, read_rows
from app.bulk.rows import State
from app.bulk.run import Choice, Run, run
from app.bulk.shards import Shard
from app.bulk.store import Store
from app.console import Misuse
from app.imaging.codec import decode
from app.imaging.picture import Format
from app.service.pipeline import Result
from tests.bulk.conftest import png


def copied(data):
    decode(data, max_pixels=10**6)
    return Result(data, Format.PNG, "fine", 0.1, 256)


class Bulk:
    """Runs of one shard after another, and what they have done."""

    def __init__(self, source, target, pipeline=copied):
        self.source, self.target, self.pipeline = source, target, pipeline
        self.worked = []

    def __call__(self, shard=None, options="model=blur", stop_after=None, finish=True, **request):
        threads = request.pop("threads", 2)
        overwrite = request.get("overwrite", False)
        retry = request.get("retry_failed", False)
        asked = Request(self.source, self.target, **request)
        shard, stop = shard or Shard(), threading.Event()
        sources, targets = Store(self.source), Store(self.target)
        worked = []

        def report(row, summary):
            worked.append(row.source)
            if len(worked) == stop_after:
                stop.set()

        convert = Converter(sources, targets, self.pipeline, options=options, max_pixels=625)
        with Results(targets, sources, shard) as results:
            summary = run(
                wanted(asked, sources, targets, shard, results),
                convert,
                Run(sources, targets, results, Choice(options, overwrite, retry), stop, report),
                threads=threads,
            )
            if finish:
                results.finish()
        self.worked = sorted(worked)
        return str(summary)

    @property
    def rows(self):
        return sorted(read_rows(Store(self.target)), key=lambda row: row.source)


@pytest.fixture
def bulk(memory):
    for index in range(10):
        memory.pipe_file(f"/in/{index % 2}/{index}.png", png(index))
    memory.pipe_file("/in/0/broken.png", png()[:60])
    memory.pipe_file("/in/notes.txt", b"no picture")
    return Bulk("memory://in", "memory://in/out")


def test_every_picture_is_in_the_results_once(bulk, memory):
    assert bulk() == "10 done, 0 skipped, 1 failed"
    assert [row.source for row in bulk.rows] == bulk.worked
    assert {row.code for row in bulk.rows if row.state is State.FAILED} == {"unreadable-image"}
    done = [row for row in bulk.rows if row.state is State.DONE]
    assert all(memory.size(row.target) == row.bytes for row in done)
    assert all(row.sigma == 0.1 and row.seconds > 0 for row in done)
    assert {row.model for row in done} == {"fine"}
    assert {row.model for row in bulk.rows if row.state is State.FAILED} == {None}
    (file,) = memory.find("/in/out/denoiser-results")
    assert file.endswith("/00000-of-00001.parquet")


def test_what_is_done_is_skipped_until_it_changes(bulk, memory):
    bulk()
    assert bulk() == "0 done, 10 skipped, 1 failed"
    memory.pipe_file("/in/0/0.png", png(99, side=20))
    assert bulk() == "1 done, 9 skipped, 1 failed"
    assert bulk(options="model=blur strength=0.5") == "10 done, 0 skipped, 1 failed"
    assert bulk(options="model=blur strength=0.5", overwrite=True).startswith("10 done")
    assert len(bulk.rows) == 11


def test_failed_pictures_are_tried_again_when_asked_for(bulk, memory):
    bulk()
    memory.pipe_file("/in/0/broken.png", png())
    memory.pipe_file("/in/0/new.png", png())
    assert bulk(retry_failed=True) == "1 done, 0 skipped, 0 failed"
    assert bulk.worked == ["memory:///in/0/broken.png"]
    assert [row.state for row in bulk.rows] == [State.DONE] * 11


def test_shards_share_the_pictures_and_may_change_their_number(bulk):
    both = [bulk(Shard(index, 2)) for index in range(2)]
    assert sum(int(text.split()[0]) for text in both) == 10
    assert bulk() == "0 done, 10 skipped, 1 failed"
    assert len({row.source for row in bulk.rows}) == len(bulk.rows) == 11


def test_a_stopped_run_goes_on_where_it_was(bulk, memory):
    first = bulk(stop_after=3, finish=False)
    assert len(memory.find("/in/out/denoiser-results")) == 1
    assert bulk().startswith(f"{10 - int(first.split()[0])} done")
    assert len(bulk.rows) == 11
    assert len(memory.find("/in/out/denoiser-results")) == 1


def test_local_folders_are_resumed(tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(3):
        (tmp_path / "in" / f"{index}.png").write_bytes(png(index))
    bulk = Bulk(str(tmp_path / "in"), str(tmp_path / "in" / "out"))
    assert bulk() == "3 done, 0 skipped, 0 failed"
    assert bulk() == "0 done, 3 skipped, 0 failed"
    assert len(bulk.rows) == 3
    (left,) = (tmp_path / "in" / "out" / "denoiser-results").iterdir()  # and no empty folder
    assert left.name == "00000-of-00001.parquet"


def test_a_manifest_names_the_pictures(bulk, memory):
    names = ["0/0.png", "memory:///in/1/1.png", "absent.png"]
    memory.pipe_file("/lists/keys.txt", "\n".join(names).encode())
    assert bulk(manifest="memory://lists/keys.txt") == "2 done, 0 skipped, 1 failed"
    assert {row.code for row in bulk.rows} == {None, "not-found"}
    with memory.open("/lists/keys.parquet", "wb") as file:
        pq.write_table(pa.table({"size": [1, 2, 3], "key": names}), file)
    assert bulk(manifest="memory://lists/keys.parquet") == "0 done, 2 skipped, 1 failed"


@pytest.mark.parametrize("content", [b"../../etc/passwd\n", b"\xff\xfe\n"])
def test_a_manifest_that_makes_no_sense(memory, content):
    memory.pipe_file("/keys.txt", content)
    with pytest.raises(Misuse, match="manifest"):
        list(keys("memory://keys.txt", Store("memory://in")))


def test_a_manifest_may_begin_with_a_byte_order_mark(memory):
    memory.pipe_file("/keys.txt", "\ufeffa.png\r\n\r\nb.png\r\n".encode())
    assert list(keys("memory://keys.txt", Store("memory://in"))) == ["a.png", "b.png"]


@pytest.mark.parametrize("columns", [{}, {"key": [1]}, {"key": ["a.png", None]}, {"x": [b"a.png"]}])
def test_a_manifest_without_a_column_of_keys_is_misuse(memory, columns):
    with memory.open("/keys.parquet", "wb") as file:
        pq.write_table(pa.table(columns), file)
    with pytest.raises(Misuse, match="manifest"):
        list(keys("memory://keys.parquet", Store("memory://in")))


def test_a_file_that_is_too_large_is_not_read(bulk, memory):
    memory.pipe_file("/in/large.png", bytes(10_001))
    assert bulk() == "10 done, 0 skipped, 2 failed"
    assert {row.code for row in bulk.rows} == {None, "too-large", "unreadable-image"}


def test_files_in_memory_are_bounded(memory, monkeypatch):
    sizes = [len(png(index)) for index in range(6)]
    limit = sum(sorted(sizes)[-2:])
    monkeypatch.setattr("app.bulk.convert.BYTES_AT_ONCE", limit)
    for index in range(6):
        memory.pipe_file(f"/in/{index}.png", png(index))
    lock, held, most, together = threading.Lock(), [], [], threading.Event()

    def work(data):
        with lock:
            held.append(len(data))
            most.append(sum(held))
            if len(held) > 1:
                together.set()
        together.wait(30)
        with lock:
            held.remove(len(data))
        return copied(data)

    assert Bulk("memory://in", "memory://out", work)(threads=6) == "6 done, 0 skipped, 0 failed"
    assert max(sizes) < max(most) <= limit


@pytest.mark.parametrize(
    ("error", "code"), [(RuntimeError, "internal-error"), (MemoryError, "no-memory")]
)
def test_an_error_that_is_not_the_images_is_a_row(memory, error, code):
    memory.pipe_file("/in/a.png", png())

    def broken(data):
        raise error("odd")

    bulk = Bulk("memory://in", "memory://out", broken)
    assert bulk() == "0 done, 0 skipped, 1 failed"
    assert [(row.code, row.detail) for row in bulk.rows] == [(code, "odd")]


@pytest.mark.parametrize(
    ("key", "format_", "name"),
    [
        ("a/b.PNG", Format.PNG, "a/b.PNG"),
        ("b.bmp", Format.PNG, "b.bmp.png"),
        ("b", Format.JPEG, "b.jpeg"),
        ("b.jpg", Format.JPEG, "b.jpg"),
    ],
)
def test_results_have_names_of_their_own(key, format_, name):
    assert target_key(key, format_) == name


def test_sources_are_taken_as_they_are_needed(memory):
    sources, targets = Store("memory://in"), Store("memory://out")
    taken: list[str] = []

    def endless():
        while True:
            taken.append(f"{len(taken)}.png")
            yield sources.named(taken[-1])

    def report(_row, summary):
        if summary.failed == 20:
            stop.set()

    stop, convert = threading.Event(), Converter(sources, targets, copied, options="", max_pixels=1)
    with Results(targets, sources, Shard()) as results:
        run(endless(), convert, Run(sources, targets, results, Choice(""), stop, report), threads=2)
    assert 20 <= len(taken) <= 28
