"""Two nodes on this machine, one of which is lost; two replicas, one of which is stopped."""

import asyncio
from functools import partial

import pytest

cluster = pytest.importorskip("benchmarks.cluster", reason="needs pip install 'denoiser[ray]'")

from app.bulk.store import Store  # noqa: E402
from app.imaging.picture import Format  # noqa: E402
from app.settings import Settings  # noqa: E402
from benchmarks.accounts import fill  # noqa: E402
from benchmarks.pictures import requests  # noqa: E402
from tests.api.conftest import wait_until  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray warns of settings and files of its own
    pytest.mark.usefixtures("environment"),
]


@pytest.fixture(scope="module")
def nodes():
    with cluster.two_nodes() as nodes:
        yield nodes


@pytest.mark.timeout(300)
def test_a_node_is_lost_and_no_image(nodes, tmp_path):
    sources, targets = Store(str(tmp_path / "in")), Store(str(tmp_path / "out"))
    fill(sources, 200, 256)
    found, killed_at = cluster.bulk_and_a_kill(nodes, sources, targets, 10, Settings())
    assert found.images == 200
    assert [bound for bound in found.bounds if not bound.holds] == []
    assert 10 <= killed_at < 200


@pytest.mark.timeout(600)
def test_a_replica_is_killed_then_stopped_and_no_request_lost_but_those_in_the_killed(
    nodes, free_port
):
    nodes.add()
    posts, port, clients = requests(Format.JPEG, 64, 64, 4, "/denoise"), free_port, 4
    with cluster.replicas(2, port):
        killed = asyncio.run(cluster.load_and(cluster.kill_one, port, posts, clients, seconds=3))
        assert killed.statuses[200] > 20
        assert len(killed.answers) - killed.statuses[200] <= clients

        stop = partial(cluster.scale_to, 1)
        stopped = asyncio.run(cluster.load_and(stop, port, posts, clients, seconds=3))
        assert set(stopped.statuses) == {200}
        assert len(stopped.answers) > 20
        wait_until(lambda: "ray_denoiser_requests_total{" in cluster.exported(), 30)
