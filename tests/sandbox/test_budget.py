import resource

import pytest

from app.sandbox.budget import Need


@pytest.mark.parametrize("declared", [2**40, 2**62, 2**190])
def test_limits_can_be_set_whatever_a_header_declares(declared):
    budget = Need(declared, declared, declared, declared).budget
    for kind, limit in ((resource.RLIMIT_AS, budget.memory), (resource.RLIMIT_CPU, budget.seconds)):
        before = resource.getrlimit(kind)
        resource.setrlimit(kind, (2 * limit, before[1]))  # raises what no such limit can be
        resource.setrlimit(kind, before)


def test_the_largest_image_has_less_than_a_minute_to_decode():
    assert 50 < Need(64_000_000, file_bytes=34_000).decoding.seconds < 60
