import pytest

from app.inference.batcher import Overloaded
from app.service.errors import NeedsTooMuchMemory
from app.service.memory import Memory


def test_shares_add_up_and_are_given_back():
    memory = Memory(100, 2)
    with memory.share("a") as one, memory.share("b") as other:
        one.hold(60)
        other.hold(40)
        assert memory.held == 100
        one.hold(10)
        assert memory.held == 50
    assert memory.held == 0


def test_what_others_hold_is_refused_for_now():
    memory = Memory(100, 2)
    with memory.share("a") as one, memory.share("b") as other:
        one.hold(60)
        other.hold(30)
        assert (one.room, other.room) == (70, 40)
        with pytest.raises(Overloaded):
            other.hold(41)
        assert memory.held == 90
        one.hold(0)
        other.hold(100)


def test_one_request_may_hold_all_and_several_of_a_client_three_quarters():
    memory = Memory(100, 4)
    with memory.share("a") as one, memory.share("a") as two, memory.share("b") as other:
        one.hold(100)
        assert (two.room, other.room) == (-25, 0)
        one.hold(25)  # the upload of a job, perhaps, which is beside what it takes
        two.hold(75)
        two.hold(0)
        one.hold(40)
        assert (two.room, other.room) == (35, 60)
        with pytest.raises(Overloaded):
            two.hold(36)
        two.hold(35)
        assert (one.room, two.room, other.room) == (40, 35, 25)
        other.hold(25)
        one.hold(39)
    assert memory.held == 0
    assert not memory.held_by


@pytest.mark.parametrize(("backlog", "seconds"), [(0.0, 2.0), (40.0, 40.0)])
def test_it_is_likely_to_be_free_when_what_is_queued_is_done(backlog, seconds):
    memory = Memory(100, 1, backlog=lambda: backlog)
    with memory.share(), pytest.raises(Overloaded) as refusal, memory.share():
        pass
    assert refusal.value.retry_after == seconds


def test_what_can_never_fit_is_refused_for_good():
    with Memory(100, 1).share() as share, pytest.raises(NeedsTooMuchMemory):
        share.hold(101)


def test_what_is_kept_is_held_beside_all_else():
    memory = Memory(100, 1)
    with memory.share() as share:
        share.hold(50)
        share.keep(30)
        assert (memory.held, share.room) == (80, 70)
        share.hold(60)
        assert memory.held == 90
        for more in (lambda: share.hold(71), lambda: share.keep(41)):
            with pytest.raises(NeedsTooMuchMemory):
                more()
        assert memory.held == 90
        share.keep(0)
        assert memory.held == 60
        share.keep(10)
    assert memory.held == 0


def test_shares_have_a_number():
    memory = Memory(100, 2)
    for _ in range(2):  # the second time, all have been given back
        with memory.share(), memory.share(), pytest.raises(Overloaded), memory.share():
            pass
    assert memory.shares == 0
