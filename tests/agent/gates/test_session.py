"""The host's side of the protocol: each part told once, passed by permission only."""

from __future__ import annotations

import pytest
from moved_line import (
    BELT,
    EMPTY,
    MS,
    SECOND,
    TERMS,
    Deaf,
    expiry,
    notices,
    order,
    passed,
    run,
)

from agent.gates import messages
from agent.gates.codes import ReportKind
from agent.gates.partbook import MAX_PARTS, PartBook
from agent.gates.wire import DELIMITER, decode_frame, encode_frame
from agent.records import GateNotice, GateOutcome, OutcomeCode, PassOrder, Trigger
from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates
from agent.sim.oscillator import Oscillator
from agent.sim.virtual import VirtualLine


def test_exactly_the_allowed_parts_go_through():
    """Two of three parts are allowed: those pass, the third is diverted, and all is reported."""
    line = VirtualLine(TERMS, BELT)
    allowed = run(line, 12, allow=lambda trigger: trigger.part % 3)
    assert len(line.met) > 100
    assert (
        passed(line) == {(m.boot, m.part) for m in line.met if m.part % 3} == allowed & passed(line)
    )
    codes = {e.part: e.code for e in line.events if isinstance(e, GateOutcome)}
    for part, code in codes.items():
        assert code is (OutcomeCode.PASSED if part % 3 else OutcomeCode.REJECTED)
    assert notices(line) == []


def test_a_trigger_tells_the_moment_in_the_hosts_time():
    """The photo-eye's moment comes out within a millisecond, though the clocks differ."""
    oscillator = Oscillator(SECOND, offset_us=10**12, ppm=-150)
    line = VirtualLine(TERMS, BELT, oscillator=oscillator)
    run(line, 10)
    told = [e.at_ns for e in line.events if isinstance(e, Trigger)]
    assert len(told) > 100
    for belt_part, at_ns in enumerate(told):
        assert abs(at_ns - BELT.arrival_ns(belt_part)) < MS


def test_every_report_is_handed_up_once_in_a_run():
    """A host that records nothing hears each trigger and outcome once, however often repeated."""
    line = VirtualLine(TERMS, BELT)
    run(line, 10, record=False)
    keys = [(type(e), e.part) for e in line.events if not isinstance(e, GateNotice)]
    assert len(keys) == len(set(keys))
    assert len(keys) > 150


def test_what_is_recorded_is_repeated_no_more():
    """After RECORDED nothing stays in the controller's memory."""
    line = VirtualLine(TERMS, Belt(20.0, start_ns=3 * SECOND, parts=20))
    run(line, 6)
    assert len(line.firmware._reports) == 0


def test_a_lost_recorded_is_said_again():
    """While RECORDED is lost the controller repeats, and the host answers without handing up."""
    line = VirtualLine(TERMS, Belt(20.0, start_ns=3 * SECOND, parts=20))
    good, line.down = line.down, Deaf(messages.Recorded)
    run(line, 6)
    assert len(line.firmware._reports) == 40
    heard = len(line.events)
    line.down = good
    run(line, 2)
    assert len(line.firmware._reports) == 0
    assert len(line.events) == heard == 40


def test_lost_triggers_are_repeated_until_they_arrive():
    """Triggers that never came are told as soon as the line lets them through."""
    line = VirtualLine(TERMS, Belt(20.0, start_ns=3 * SECOND, parts=10))
    good, line.up = line.up, Deaf(messages.Trigger)
    run(line, 4)
    assert [e for e in line.events if isinstance(e, (Trigger, GateOutcome))] == []
    line.up = good
    run(line, 2)
    kinds = [type(e) for e in line.events if not isinstance(e, GateNotice)]
    assert kinds.count(Trigger) == kinds.count(GateOutcome) == 10
    assert passed(line) == set()


def test_an_outcome_never_comes_before_its_trigger():
    """On a line that mixes everything up, a part's trigger is still told first."""
    line = VirtualLine(TERMS, BELT, rates=FaultRates(0.2, 0.05, 0.2, 0.5, 150 * MS))
    run(line, 12)
    seen = set()
    for event in line.events:
        if isinstance(event, Trigger):
            seen.add(event.part)
        elif isinstance(event, GateOutcome):
            assert event.part in seen


@pytest.mark.parametrize("early_ns", [1, 0, -1])
def test_the_cut_off_is_the_same_for_host_and_controller(early_ns):
    """Just before, at and after the expiry: passed and reported so, or neither."""
    line = VirtualLine(TERMS, Belt(2.0, start_ns=3 * SECOND, parts=1))
    while not line.events:
        line.step()
    trigger = line.events[0]
    line.run_until(expiry(trigger) - 2 * MS)
    line.clock.advance(expiry(trigger) - early_ns - line.clock.now_ns())
    sent = line.session.allow(order(trigger), line.clock.now_ns())
    assert sent == (early_ns > 0)
    line.run_until(trigger.at_ns + SECOND)
    outcome = next(e for e in line.events if isinstance(e, GateOutcome))
    # Sent so late it comes too late: both say so, and the part is diverted.
    assert outcome.code is (OutcomeCode.LATE_REFUSED if sent else OutcomeCode.REJECTED)
    assert passed(line) == set()


def test_an_order_that_cannot_count_is_not_sent():
    """Another boot, an unknown part, one that has met the gate: no byte leaves the host."""
    line = VirtualLine(TERMS, Belt(2.0, start_ns=3 * SECOND, parts=2))
    run(line, 2.3, allow=lambda trigger: False)
    first = line.events[0]
    later = line.clock.now_ns() + SECOND
    assert not line.session.allow(PassOrder(first.boot + 1, 1, later), line.clock.now_ns())
    run(line, 1.1, allow=lambda trigger: False)
    for boot, part in ((first.boot + 1, 2), (first.boot, 99), (first.boot, first.part)):
        assert not line.session.allow(PassOrder(boot, part, later), line.clock.now_ns())
    assert not any(
        isinstance(decode_frame(piece).message, messages.Pass)
        for piece in line.session.output(line.clock.now_ns()).split(DELIMITER)
        if piece
    )


def test_parts_that_are_too_close_are_both_diverted():
    """Two parts within the smallest pitch are barred, permission or not, and reported as such."""
    line = VirtualLine(TERMS, Belt(62.5, jitter=0.0, start_ns=3 * SECOND, parts=2))
    run(line, 4)
    assert [e.code for e in line.events if isinstance(e, GateOutcome)] == [
        OutcomeCode.TOO_CLOSE
    ] * 2
    assert passed(line) == set()


def test_the_part_book_is_bounded_and_begins_anew_with_each_boot():
    """Its memory does not grow with the shift, and another boot's parts are other parts."""
    book = PartBook()
    assert not book.begin(1)
    for part in range(3 * MAX_PARTS):
        assert book.hand(ReportKind.TRIGGER, part)
    assert len(book._marks) == MAX_PARTS
    assert not book.hand(ReportKind.TRIGGER, 3 * MAX_PARTS - 1)
    assert book.note(Trigger(2, 5, 0)) is None
    assert book.begin(2)
    assert not book.begin(2)
    assert book.hand(ReportKind.TRIGGER, 3 * MAX_PARTS - 1)


def test_the_counts_tell_how_the_line_is():
    """Refused frames of both sides, repeats, refusals, round trip and clock error."""
    line = VirtualLine(TERMS, BELT, rates=FaultRates(0.1, 0.1))
    assert line.session.counts(line.clock.now_ns()).clock_error_ns is None
    run(line, 6)
    counts = line.session.counts(line.clock.now_ns())
    assert min(counts.refused_here, counts.refused_there, counts.repeats) > 0
    assert 0 < counts.clock_error_ns < 2 * MS
    twice = counts + counts
    assert twice.refused_here == 2 * counts.refused_here
    assert twice.refused_there == counts.refused_there
    assert twice.round_trip_ns == counts.round_trip_ns


def test_what_only_a_host_may_say_is_not_obeyed_by_one():
    """A second host on the wire, or an echo that the checksum cannot tell from a word."""
    line = VirtualLine(TERMS, EMPTY)
    run(line, 4)
    now_ns = line.clock.now_ns()
    before = len(line.events)
    for seq, message in enumerate((messages.Bye(), messages.Pass(1, 1, 2**40), TERMS.config)):
        line.session.receive(encode_frame(message, 200 + seq, line.firmware.boot), now_ns)
    assert line.session.up(now_ns)
    assert line.session.take_events() == []
    assert len(line.events) == before


def test_a_row_of_an_earlier_boot_is_confirmed_to_nobody():
    """The present controller numbers its parts anew: it would forget one of its own."""
    line = VirtualLine(TERMS, EMPTY)
    run(line, 4)
    line.session.output(line.clock.now_ns())
    line.session.record(Trigger(line.firmware.boot ^ 1, 1, 0))
    assert messages.Recorded not in {
        type(decode_frame(piece).message)
        for piece in line.session.output(line.clock.now_ns()).split(DELIMITER)
        if piece
    }
