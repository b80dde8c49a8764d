"""One model judges at a time, and none is closed under a part's hands."""

import threading

import pytest
from bundles import picture, write_scripted

from agent.active_model import open_active
from agent.clock import ManualClock, SystemClock
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError
from agent.models.seat import Seat


@pytest.fixture
def make(tmp_path):
    """Return a maker of models by number."""

    def model(number):
        path = write_scripted(tmp_path / f"{number}.lwb", version=f"1.0.{number}")
        return open_active(path, lambda _: ScriptedEngine([(0.0, 1.0)], 32, 32), ManualClock())

    return model


def test_a_model_in_use_is_closed_after_the_lane_came_round(make):
    """Not before, however often one asks."""
    clock, rounds = ManualClock(100), [100]
    seat = Seat(lambda: rounds[0], clock)
    old, new = make(1), make(2)
    seat.swap(old)
    clock.advance(100)
    seat.swap(new)
    assert (seat.title, seat.current) == ("scripted-1.0.2", new)
    for round_ns in (100, 200):
        rounds[0] = round_ns
        seat.close_retired()
        old.judge(picture())
    rounds[0] = 201
    seat.close_retired()
    with pytest.raises(EngineError):
        old.judge(picture())
    new.judge(picture())


def test_no_part_is_judged_by_a_closed_model_however_often_one_swaps(make):
    """A lane that judges all the time against one that swaps all the time."""
    clock = SystemClock()
    beat = [clock.now_ns()]
    seat = Seat(lambda: beat[0], clock)
    seat.swap(make(0))
    over, faults, judged = threading.Event(), [], [0]

    def lane():
        while not over.is_set():
            model = seat.current
            try:
                model.judge(picture())
            except EngineError as error:
                faults.append(error)
            judged[0] += 1
            beat[0] = clock.now_ns()

    thread = threading.Thread(target=lane)
    thread.start()
    for number in range(1, 60):
        seat.swap(make(number % 3))
        seat.close_retired()
    over.set()
    thread.join(30)
    beat[0] = clock.now_ns() + 1
    seat.close_retired()
    assert faults == []
    assert judged[0] > 0
    assert seat._retired == []
    seat.close()


def test_the_same_model_again_is_no_swap(make):
    """It must not be closed."""
    seat = Seat(lambda: 10**12, ManualClock())
    model = make(1)
    seat.swap(model)
    seat.swap(model)
    seat.close_retired()
    model.judge(picture())
    seat.swap(None)
    assert (seat.title, seat.sha256) == ("", "")
    seat.close_retired()
    with pytest.raises(EngineError):
        model.judge(picture())
