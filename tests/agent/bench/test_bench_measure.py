"""Bundles are measured in turn, by the clock that is given."""

import numpy as np
import pytest

from agent.bench.measure import Plan, bundle_names, measured, open_subjects, run_in_turn
from agent.clock import ManualClock
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError, ModelError


def measure(plan, opener, clock):
    """Open, run and return the measurements."""
    with open_subjects(plan, opener) as subjects:
        run_in_turn(subjects, clock, plan, lambda: None)
        return measured(subjects, plan)


def test_times_come_from_the_clock_that_is_given(bundle, scripted):
    """Only the engine's own time counts; warming up and golden frames are not measured."""
    clock = ManualClock()
    opener, _ = scripted(clock, [12.5])
    (found,) = measure(Plan((bundle,), (2,), runs=7, warm_up=3), opener, clock)
    assert (found.bundle, found.engine) == ("tiny-1.0", "scripted")
    assert (found.runs, found.threads) == (7, 2)
    assert (found.invoke_ms.p50, found.invoke_ms.max) == (12.5, 12.5)
    assert (found.prepare_ms.p50, found.whole_ms.p50) == (0.0, 12.5)
    assert found.times_first is None
    assert clock.now_ns() == (2 + 3 + 7) * 12_500_000  # two golden frames


def test_preparing_is_not_counted_as_invoking(bundle):
    """Taking the buffer belongs to prepare alone, and the whole is both."""
    clock = ManualClock()

    class SlowBuffer(ScriptedEngine):
        def input_view(self):
            clock.advance(2_000_000)
            return super().input_view()

    def opener(driver, model, threads):
        return SlowBuffer([(1.0, 0.0)], 32, 32, 1, lambda: clock.advance(5_000_000))

    (found,) = measure(Plan((bundle,), runs=3), opener, clock)
    assert (found.prepare_ms.p50, found.invoke_ms.p50, found.whole_ms.p50) == (2.0, 5.0, 7.0)


def test_every_bundle_is_set_against_the_first_at_its_thread_count(write_bundle, scripted):
    """The second takes half the time at one thread and a quarter at two."""
    clock = ManualClock()
    opener, opened = scripted(clock, [8.0, 4.0, 4.0, 1.0])
    plan = Plan((write_bundle(), write_bundle("other.lwb", "other")), (1, 2), runs=30)
    found = measure(plan, opener, clock)
    assert [(one.bundle, one.threads) for one in found] == [
        ("tiny-1.0", 1), ("tiny-1.0", 2), ("other-1.0", 1), ("other-1.0", 2),
    ]  # fmt: skip
    assert [threads for _, threads, _ in opened] == [1, 2, 1, 2]
    assert [one.times_first and one.times_first.invoke.ratio for one in found] == [
        None, None, 0.5, 0.25,
    ]  # fmt: skip
    assert found[3].times_first.prepare is None  # no time by this clock: no ratio, and no NaN


def test_a_bundle_set_against_itself_is_set_against_its_first_turn(bundle, scripted):
    """One path given twice shows the noise: the first is the measure, here of a slower second."""
    clock = ManualClock()
    opener, _ = scripted(clock, [4.0, 4.0, 8.0, 12.0])
    found = measure(Plan((bundle, bundle), (1, 2), runs=30), opener, clock)
    assert [one.times_first and one.times_first.invoke.ratio for one in found] == [
        None, None, 2.0, 3.0,
    ]  # fmt: skip


def test_all_are_measured_in_turn_and_each_goes_first(write_bundle):
    """Neither has the quiet machine for itself; what is done between the turns is not timed."""
    order, between = [], []

    def opener(driver, model, threads):
        mark = "abc"[len(engines)]
        engines.append(ScriptedEngine([(1.0, 0.0)], 32, 32, 1, lambda: order.append(mark)))
        return engines[-1]

    engines = []
    plan = Plan(
        (write_bundle(), write_bundle("b.lwb", "b"), write_bundle("c.lwb", "c")), runs=6, warm_up=0
    )
    with open_subjects(plan, opener) as subjects:
        order.clear()
        run_in_turn(subjects, ManualClock(), plan, lambda: between.append(len(order)))
    assert "".join(order) == "abccbabcaacbcabbac"
    assert between == [3, 6, 9, 12, 15, 18]


def test_a_device_that_computes_otherwise_is_told(bundle, scripted):
    """A fast wrong answer is no result: the golden frames are part of the measurement."""
    clock = ManualClock()
    opener, _ = scripted(clock, [1.0])
    assert not measure(Plan((bundle,), runs=1), opener, clock)[0].golden_passed


def test_engines_are_closed_whatever_happens(bundle, tmp_path, scripted):
    """A second bundle that is missing leaves no engine of the first open."""
    opener, opened = scripted(ManualClock(), [1.0])
    with (
        pytest.raises(ModelError, match=r"missing\.lwb"),
        open_subjects(Plan((bundle, tmp_path / "missing.lwb")), opener),
    ):
        pass
    with pytest.raises(EngineError, match="closed"):
        opened[0][2].infer()


def test_an_engine_that_fails_is_told_and_closed(bundle):
    """The fault of a picture in the middle of the run comes out as one line."""

    def opener(driver, model, threads):
        opened.append(ScriptedEngine([(1.0, 0.0)] * 4 + [EngineError("melted")], 32, 32))
        return opened[-1]

    opened = []
    with pytest.raises(ModelError, match="cannot measure: melted"):
        measure(Plan((bundle,), warm_up=0), opener, ManualClock())
    with pytest.raises(EngineError, match="closed"):
        opened[0].infer()


def test_a_frame_of_another_size_is_refused(bundle, scripted):
    """Its preparation would take another time than on the line; the line says what to do."""
    opener, _ = scripted(ManualClock(), [1.0])
    plan = Plan((bundle,), frame=np.zeros((50, 60), np.uint8))
    with pytest.raises(ModelError) as caught, open_subjects(plan, opener):
        pass
    assert "60x50" in str(caught.value)
    assert "tiny-1.0.lwb is made for 40x40: give a frame of that size, or" in str(caught.value)


def test_bundles_of_one_name_are_called_by_their_files(tmp_path):
    """Two releases of one version can still be told apart in the table."""
    a, b, c = (tmp_path / name for name in "abc")
    assert bundle_names([("x-1", a), ("x-1", b), ("y-1", c), ("y-1", c)]) == [
        "a",
        "b",
        "y-1",
        "y-1",
    ]


def test_files_of_one_name_are_called_by_their_paths(tmp_path):
    """The same file name in two folders tells nothing apart, whatever bundles they hold."""
    one, two, other, apart = (
        tmp_path / name for name in ("old/m.lwb", "new/m.lwb", "m.lwb", "n.lwb")
    )
    assert bundle_names([("x-1", one), ("x-1", two), ("x-1", apart)]) == [
        str(one), str(two), "n.lwb",
    ]  # fmt: skip
    assert bundle_names([("x-1", one), ("x-1", apart), ("y-1", other)]) == [
        str(one), "n.lwb", "y-1",
    ]  # fmt: skip
