import math

from app.imaging.picture import Format
from benchmarks.load import Answer, Reply, Result
from benchmarks.loads import LARGE_NAME, MIXED_CLIENTS, MIXED_NAME, Pictures, Row, small_name
from benchmarks.servers import COMPILED, OURS
from benchmarks.serving import bounds

JPEG, PNG = small_name(Format.JPEG), small_name(Format.PNG)


def row(server, name, clients, rate, bare=40.0):
    """A server that answers so many pictures a second, whoever asks waiting for all others."""
    latency = clients / rate
    result = Result([Answer(Reply(200), 0.0, latency)] * 100, 100 / rate)
    return Row(server, Pictures(name, [], 1, 1, 1), bare, clients, result, 1, 0)


def test_bounds_compare_with_the_network_and_with_rivals_as_documented():
    rows = [
        row(OURS, JPEG, 1, 30),
        *(row(OURS, JPEG, 16, rate) for rate in (20, 38, 39)),
        row(OURS, JPEG, 64, 39),
        row(OURS, PNG, 16, 30),
        row(OURS, LARGE_NAME, 1, 0.2, bare=0.22),
        row(OURS, MIXED_NAME, MIXED_CLIENTS, 10),
        row("Ray Serve", JPEG, 16, 20),
        row("Ray Serve", JPEG, 1, 31),
        row(f"Ray Serve{COMPILED}", JPEG, 64, 40),
        row(f"FastAPI{COMPILED}", JPEG, 64, 35),
        row(f"Ray Serve{COMPILED}", MIXED_NAME, MIXED_CLIENTS, 2),
        row(f"FastAPI{COMPILED}", MIXED_NAME, MIXED_CLIENTS, 4),
    ]
    found = {bound.what: bound for bound in bounds(rows, alone=0.03)}
    assert {what: bound.holds for what, bound in found.items()} == {
        "time of a 256x256 jpeg, 16 clients, by the network's": True,
        "time of a 256x256 png, 16 clients, by the network's": False,
        "time of a 12 MP jpeg, 1 clients, by the network's": True,
        "what one client waits beside the network": True,
        "images/s of Ray Serve, 16 clients, by ours": True,
        "our p95 by that of Ray Serve, 1 client": False,
        "images/s of the best rival, compiled, 64 clients, by ours": False,
        f"our p95 beside 12 MP by that of Ray Serve{COMPILED}": True,
        f"our p95 beside 12 MP by that of FastAPI{COMPILED}": False,
    }
    assert math.isclose(found["what one client waits beside the network"].found, 1000 / 30 - 30)


def test_what_was_not_measured_does_not_hold():
    assert not any(bound.holds for bound in bounds([row(OURS, JPEG, 4, 38)], alone=0.03))


def test_a_part_that_is_left_out_has_no_bounds():
    rows = [row(OURS, PNG, 16, 39)]
    (bound,) = bounds(rows, 0.03, ["png", "open"])
    assert bound.holds
