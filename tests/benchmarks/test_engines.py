from benchmarks.engines import HEAD, Turn, bounds


def turn(engine, ready, rate):
    return Turn(engine, ready, rate, p95=0.5, cpu_seconds=0.1, memory=1 << 30)


def test_the_medians_of_the_turns_are_compared():
    turns = [turn("tensorflow", 8, rate) for rate in (9, 10, 30)]
    turns += [turn("openvino", ready, 14) for ready in (3, 4.5, 90)]
    rate, ready = bounds(turns)
    assert rate.found == 10 / 14
    assert rate.holds
    assert ready.found == 4.5 / 8
    assert not ready.holds


def test_every_column_has_a_cell():
    assert len(turn("openvino", 3, 14).cells()) == len(HEAD)
