"""The real lanes on a virtual belt: the five promises over many parts with many faults."""

import pytest
from virtual_line import Faults, VirtualLine

from agent.records import VerdictKind
from agent.schedule import Timing

SOME_OF_ALL = Faults(slow=0.05, no_frame=0.05, engine=0.05, slow_commit=0.05, deaf=0.05, close=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_passes_uninspected_and_the_balance_holds(seed):
    """Over 3,000 parts with every fault: own verdict or rejected, one row each, never double."""
    line = VirtualLine(3000, seed, SOME_OF_ALL)
    line.run()
    verdicts = line.check()
    assert all(verdicts[kind] > 100 for kind in VerdictKind), verdicts


def test_a_line_without_faults_inspects_every_part():
    """Without faults no part is UNINSPECTED."""
    line = VirtualLine(1000, 1, Faults(0, 0, 0, 0, 0, 0))
    line.run()
    assert line.check()[VerdictKind.UNINSPECTED] == 0


def test_the_check_sees_a_verdict_that_meets_another_part(monkeypatch):
    """The judge of these tests would notice a permission given to the next part."""
    line = VirtualLine(300, 1, Faults(0, 0, 0, 0, 0, 0))
    allow = line.gate.allow
    monkeypatch.setattr(
        line.gate, "allow", lambda order: allow(type(order)(1, max(order.part - 1, 0), 10**15))
    )
    line.run()
    with pytest.raises(AssertionError):
        line.check()


def test_the_check_sees_a_late_pass(monkeypatch):
    """The judge of these tests would notice a host that forgot its cut-off."""
    monkeypatch.setattr("agent.lanes.gate.settle", lambda verdict, *_: verdict)
    monkeypatch.setattr("agent.schedule.Timing.cutoff_ns", lambda _, at_ns: at_ns + 10**12)
    line = VirtualLine(500, 1, SOME_OF_ALL)
    window = Timing.window
    monkeypatch.setattr("agent.schedule.Timing.window", lambda _, at_ns: window_later(at_ns))

    def window_later(at_ns):
        start_ns, end_ns = window(line.timing, at_ns)
        return start_ns + 10**12, end_ns

    line.run()
    with pytest.raises(AssertionError):
        line.check()
