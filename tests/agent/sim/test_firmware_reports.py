"""What the controller tells of parts, again and again, until it is recorded."""

from __future__ import annotations

from firmware_host import BOOT, MS, Host

from agent.gates import messages
from agent.gates.codes import Faults, OutcomeKind, ReportKind
from agent.sim.firmware import Firmware
from agent.sim.reports import BURST, BURST_EVERY_US, MAX_REPORTS, REPEAT_US, Reports
from agent.sim.tracker import TrackedPart


def test_it_says_when_it_wants_to_speak():
    """An idle controller waits for ever; an unrecorded report, an open frame or an ack does not."""
    host = Host().greet()
    host.wait(100 * MS)
    assert host.firmware.output_due_us > 10**15
    host.part()
    assert host.firmware.output_due_us <= host.now_us
    host.listen()
    assert host.firmware.output_due_us == host.now_us + REPEAT_US
    assert Firmware(BOOT, 77).output_due_us == 77


def test_parts_before_any_configuration_are_counted_reported_and_diverted():
    """Without a delay there is no window: the outcome is known at once."""
    host = Host()
    part = host.part()
    host.greet()
    host.wait(300 * MS)
    assert host.outcomes() == {part: OutcomeKind.REJECTED}
    assert {trigger.barred for trigger in host.all(messages.Trigger)} == {OutcomeKind.REJECTED}


def test_pong_tells_how_the_controller_is():
    """The answer to PING carries its time, the tick and the counters."""
    host = Host().greet()
    host.part()
    host.firmware.receive(b"\x05rubbish\0", 0)
    host.now_us = 5 * MS
    host.say(messages.Ping(123))
    pong = host.all(messages.Pong)[-1]
    assert pong == messages.Pong(123, 5 * MS, Faults(0), 1, 1, 1, 0)


def test_reports_are_repeated_slowly_and_forgotten_when_recorded():
    """Fresh reports go at once, repeats 100 ms later and only a few at a time."""
    reports, sent = Reports(), []

    def put(message):
        sent.append(message)
        return True

    for number in range(1, 21):
        reports.add(ReportKind.TRIGGER, TrackedPart(number, 0, 0, 0, 0))
    reports.send(0, put)
    assert len(sent) == 20
    reports.send(REPEAT_US - 1, put)
    assert len(sent) == 20
    reports.send(REPEAT_US, put)
    assert len(sent) == 20 + BURST
    reports.send(REPEAT_US + BURST_EVERY_US - 1, put)
    assert len(sent) == 20 + BURST
    for number in range(1, 21):
        reports.recorded(ReportKind.TRIGGER, number)
    for at_us in range(REPEAT_US, 10 * REPEAT_US, BURST_EVERY_US):
        reports.send(at_us, put)
    assert (len(sent), len(reports), reports.due_us) == (20 + BURST, 0, None)


def test_reports_that_nobody_records_take_bounded_memory():
    """The oldest are forgotten, and counted."""
    reports = Reports()
    for number in range(MAX_REPORTS + 5):
        reports.add(ReportKind.TRIGGER, TrackedPart(number, 0, 0, 0, 0))
    assert (len(reports), reports.lost) == (MAX_REPORTS, 5)
    assert len(reports._fresh) <= MAX_REPORTS


def test_a_line_that_takes_no_more_loses_no_report():
    """What the link refuses is offered again, in order."""
    reports, sent = Reports(), []
    for number in range(1, 6):
        reports.add(ReportKind.TRIGGER, TrackedPart(number, 0, 0, 0, 0))
    reports.send(0, lambda message: len(sent) < 2 and not sent.append(message.part))
    assert (sent, reports.due_us) == ([1, 2], 0)
    reports.send(1, lambda message: not sent.append(message.part))
    assert sent == [1, 2, 3, 4, 5]
    reports.send(REPEAT_US, lambda _message: False)
    assert reports.due_us == REPEAT_US + BURST_EVERY_US
    reports.send(2 * REPEAT_US, lambda message: not sent.append(message.part))
    assert sent == [1, 2, 3, 4, 5] * 2
