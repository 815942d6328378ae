import pytest

from app.bulk.shards import Shard, read_shard


def test_each_key_is_of_one_shard():
    shards = [Shard(index, 3) for index in range(3)]
    owners = [[shard.index for shard in shards if shard.has(f"a/{n}.png")] for n in range(300)]
    assert all(len(owner) == 1 for owner in owners)
    assert all(70 < sum(owner == [index] for owner in owners) < 130 for index in range(3))


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("0/1", {}, Shard(0, 1)),
        ("3/10", {"JOB_COMPLETION_INDEX": "7"}, Shard(3, 10)),
        ("auto/10", {"JOB_COMPLETION_INDEX": "7"}, Shard(7, 10)),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}, Shard(1, 2)),
        ("auto", {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "4"}, Shard(0, 4)),
    ],
)
def test_shards_are_read(text, environment, shard):
    assert read_shard(text, environment) == shard


@pytest.mark.parametrize("text", ["10/10", "3", "auto/2", "auto", "-1/2", "a/b", "1/0"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match=r"shard|set"):
        read_shard(text, {})
