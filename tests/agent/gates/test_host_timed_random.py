"""The gate that this host times, in any order of parts, stalls, pulled cables, bad answers."""

from __future__ import annotations

import itertools

from host_timed_rig import DIVERTING, PASSING, Rig
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import OutcomeCode

STEPS = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["part", "part", "", "stall", "plug", "deaf"])),
    min_size=1,
    max_size=60,
)


def drive(pace, steps, wanted):
    """Run a line with gaps, stalls, pulled cables and bad answers; returns it and who may pass."""
    rig = Rig(pace)
    allowed, number = set(), itertools.count()
    for for_ms, action in steps:
        if action == "part":
            trigger = rig.part()
            if wanted[next(number) % len(wanted)] and rig.allow(trigger):
                allowed.add(trigger.part)
        elif action == "plug":
            rig.relay.plugged = not rig.relay.plugged
        elif action == "deaf":
            rig.relay.answer = None if rig.relay.answer else True
        rig.run(7 * for_ms, step_ms=7 * for_ms if action == "stall" else 7)
    rig.relay.plugged = True
    rig.run(3_000, step_ms=5)
    rig.gate.close()
    return rig, allowed


def met(rig, pace, trigger):
    """Return the pulses that a part may have met, with all that line and relay may add."""
    due_ns = trigger.at_ns + pace.delay_ns
    extra_ns = pace.lead_ns + pace.release_ns
    return [
        pulse
        for pulse in rig.relay.pulses
        if pulse[0] < due_ns + pace.guard_ns and pulse[1] + extra_ns > due_ns - pace.guard_ns
    ]


def sure(rig, pace, trigger):
    """Whether a pulse was on for certain when the part was at the gate."""
    due_ns = trigger.at_ns + pace.delay_ns
    return any(begin + pace.lead_ns <= due_ns <= end for begin, end, _parts in rig.relay.pulses)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, wanted=st.lists(st.booleans(), min_size=1, max_size=8))
def test_no_part_meets_a_passing_pulse_without_its_own_permission(steps, wanted):
    """Judged by the relay's own record of times, not by what the gate says of itself."""
    rig, allowed = drive(PASSING, steps, wanted)
    shared = [pulse for trigger in rig.triggers for pulse in met(rig, PASSING, trigger)]
    assert len(shared) == len(set(shared)), "two parts met one pulse"
    for trigger in rig.triggers:
        if met(rig, PASSING, trigger):
            assert trigger.part in allowed
        else:
            assert rig.outcomes[trigger.part] is not OutcomeCode.PASSED
        if rig.outcomes[trigger.part] is OutcomeCode.PASSED:
            assert sure(rig, PASSING, trigger)
    assert sorted(rig.outcomes) == [trigger.part for trigger in rig.triggers]


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, wanted=st.lists(st.booleans(), min_size=1, max_size=8))
def test_a_diverting_gate_diverts_all_without_permission_or_says_that_it_could_not(steps, wanted):
    """Each part without permission meets a pulse, or its outcome is a fault or unknown."""
    rig, allowed = drive(DIVERTING, steps, wanted)
    owned = {OutcomeCode.FAULT, OutcomeCode.UNKNOWN}
    for trigger in rig.triggers:
        code = rig.outcomes[trigger.part]
        pulses = met(rig, DIVERTING, trigger)
        if code is OutcomeCode.PASSED:
            assert trigger.part in allowed
            assert not pulses
        elif code not in owned:
            assert sure(rig, DIVERTING, trigger)
    assert sorted(rig.outcomes) == [trigger.part for trigger in rig.triggers]
