from app.imaging.codec import Format
from benchmarks.load import Answer, Reply, Result
from benchmarks.serving import COMPILED, LARGE_NAME, OURS, Pictures, Row, bounds, small_name


def row(server, name, clients, rate, bare=40.0):
    """A server that answers so many pictures a second, whoever asks waiting for all others."""
    latency = clients / rate
    answers = [Answer(Reply(200), 0.0, latency)] * 100
    return Row(
        server, Pictures(name, [], 1, 1, 1), bare, clients, Result(answers, 100 / rate), 1, 0
    )


def test_bounds_compare_with_the_network_and_with_every_rival():
    jpeg, png = small_name(Format.JPEG), small_name(Format.PNG)
    rows = [
        row(OURS, jpeg, 1, 30),
        row(OURS, jpeg, 16, 38),
        row(OURS, png, 16, 30),
        row(OURS, LARGE_NAME, 1, 0.2, bare=0.22),
        row("Ray Serve", jpeg, 16, 20),
        row(f"Ray Serve{COMPILED}", jpeg, 16, 39),
        row(f"Ray Serve{COMPILED}", jpeg, 1, 29),
    ]
    found = {bound.what: bound for bound in bounds(rows, alone=0.03)}
    held = {what: bound.holds for what, bound in found.items()}
    assert held == {
        "time of a jpeg, 16 clients, by the network's": True,
        "time of a png, 16 clients, by the network's": False,
        "time of a 12 MP jpeg, by the network's": True,
        "what one client waits beside the network": True,
        "images/s of Ray Serve, 16 clients, by ours": True,
        "images/s of Ray Serve, network compiled, 16 clients, by ours": False,
        "our p95 by that of Ray Serve, network compiled, 1 client": True,
    }
    assert abs(found["what one client waits beside the network"].found - 1000 / 30 + 30) < 1e-6
