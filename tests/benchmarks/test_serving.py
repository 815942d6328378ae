import math

from app.imaging.codec import Format
from benchmarks.load import Answer, Reply, Result
from benchmarks.serving import COMPILED, LARGE_NAME, OURS, Pictures, Row, bounds, small_name

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
        row(OURS, PNG, 16, 30),
        row(OURS, LARGE_NAME, 1, 0.2, bare=0.22),
        row("Ray Serve", JPEG, 16, 20),
        row("Ray Serve", JPEG, 1, 31),
        row(f"Ray Serve{COMPILED}", JPEG, 16, 39),
    ]
    found = {bound.what: bound for bound in bounds(rows, alone=0.03)}
    assert {what: bound.holds for what, bound in found.items()} == {
        "time of a 256x256 jpeg, 16 clients, by the network's": True,
        "time of a 256x256 png, 16 clients, by the network's": False,
        "time of a 12 MP jpeg, 1 clients, by the network's": True,
        "what one client waits beside the network": True,
        "images/s of Ray Serve, 16 clients, by ours": True,
        "our p95 by that of Ray Serve, 1 client": False,
    }
    assert math.isclose(found["what one client waits beside the network"].found, 1000 / 30 - 30)


def test_what_was_not_measured_does_not_hold():
    assert not any(bound.holds for bound in bounds([row(OURS, JPEG, 4, 38)], alone=0.03))
