import pytest
import tensorflow as tf

from training.errors import TrainingError
from training.log import Log, read_log


def row(epoch, **changes):
    values = {"epoch": epoch, "step": 10 * (epoch + 1), "loss": 1 / 3, "psnr": 20.0 + epoch}
    return values | {"time": 1.6e9 + epoch} | changes


def events(run):
    (path,) = run.glob("events.out.tfevents.*")
    return list(tf.compat.v1.train.summary_iterator(str(path)))


def test_rows_are_on_disk_as_they_come(tmp_path):
    log = Log(tmp_path, 0)
    for epoch in range(2):
        log.append(row(epoch))
        assert read_log(tmp_path / "log.csv")[-1] == pytest.approx(row(epoch))
    assert len(read_log(tmp_path / "log.csv")) == 2
    header = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert header.startswith("epoch,step,loss,psnr,validation_loss")


def test_a_resumed_run_drops_what_it_will_do_again(tmp_path):
    log = Log(tmp_path, 0)
    for epoch in range(4):
        log.append(row(epoch))
    log = Log(tmp_path, 2)
    log.append(row(2, loss=0.5))
    again = read_log(tmp_path / "log.csv")
    assert [(r["epoch"], r["loss"] == 0.5) for r in again] == [(0, False), (1, False), (2, True)]
    assert [event.step for event in events(tmp_path)] == [0, 10, 20, 30]


def test_a_log_with_fewer_columns_is_gone_on_with(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,step,loss\n0,10,0.25\n")
    log = Log(tmp_path, 1)
    log.append(row(1, validation_psnr=25.0))
    assert [r.get("validation_psnr") for r in read_log(tmp_path / "log.csv")] == [None, 25.0]


def test_a_log_without_a_header_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("0,1000,0.25\n")
    with pytest.raises(TrainingError, match="the first line must name the columns"):
        Log(tmp_path, 1)


def test_the_best_so_far(tmp_path):
    log = Log(tmp_path, 0)
    assert log.best("psnr") == float("-inf")
    for value in (20.0, 22.0, 21.0):
        log.append(row(0, psnr=value))
    assert log.best("psnr") == 22


def test_tensorboard_reads_the_same(tmp_path):
    log = Log(tmp_path, 0)
    log.append(row(300, loss=0.125))
    first, second = events(tmp_path)
    assert first.file_version == "brain.Event:2"
    assert (second.step, second.wall_time) == (3010, 1.6e9 + 300)
    found = {value.tag: value.simple_value for value in second.summary.value}
    assert found == {"loss": 0.125, "psnr": 320.0}
