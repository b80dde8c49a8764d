"""The controller's program, message by message: it rejects unless told to pass, in time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gates import messages
from agent.gates.codes import ConfigStatus, Faults, OutcomeKind, Refusal, ReportKind, Wiring
from agent.gates.link import Link
from agent.gates.wire import DELIMITER, decode_frame
from agent.sim.eye import STUCK_US
from agent.sim.firmware import ANNOUNCE_US, HEARTBEAT_US, Firmware
from agent.sim.reports import BURST, BURST_EVERY_US, MAX_REPORTS, REPEAT_US, Reports
from agent.sim.tracker import TrackedPart

MS = 1_000
CONFIG = messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 64)
BOOT = 0xB007_0001


class Host:
    """A host of few words, which keeps the controller company."""

    def __init__(self, boot=0x0505_0001, firmware=None):
        self.firmware = firmware or Firmware(BOOT, 0)
        self.link = Link(boot)
        self.now_us = 0
        self.heard = []

    def listen(self):
        """Hear what the controller has to say now."""
        data = self.firmware.output(self.now_us)
        self.heard += self.link.receive(data, self.now_us * 1000)
        self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)

    def say(self, message):
        """Say one thing and hear the answer."""
        if message.ACKED:
            self.link.send(message, self.now_us * 1000, 2**62)
        else:
            self.link.post(message)
        self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)
        self.listen()

    def greet(self, config=CONFIG):
        """Go through the whole handshake."""
        self.say(messages.Hello(messages.VERSION, self.link.boot, 0))
        self.link.meet(self.firmware.boot)
        self.say(messages.Ping(0))
        self.say(config)
        return self

    def wait(self, until_us, *, ping=True):
        """Let time pass in steps of a millisecond, with or without heartbeat."""
        while self.now_us < until_us:
            self.now_us = min(self.now_us + MS, until_us)
            self.firmware.advance(self.now_us)
            if ping and self.now_us % (100 * MS) == 0:
                self.link.post(messages.Ping(self.now_us))
            self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)
            self.listen()

    def part(self):
        """Let a part pass the photo-eye now."""
        number = self.firmware.eye(self.now_us, covered=True)
        self.firmware.eye(self.now_us, covered=False)
        return number

    def allow(self, part, expiry=None, boot=BOOT):
        """Give the permission for a part."""
        if expiry is None:
            expiry = self.now_us + CONFIG.delay_us
        self.say(messages.Pass(boot, part, expiry))

    def all(self, kind):
        """Return what was heard of one class."""
        return [message for message in self.heard if isinstance(message, kind)]

    def outcomes(self):
        """Return what was reported of each part."""
        return {message.part: message.kind for message in self.all(messages.Outcome)}


def said(data):
    """Return the messages in what the controller put out."""
    return [decode_frame(piece).message for piece in data.split(DELIMITER) if piece]


def test_it_announces_itself_until_a_host_greets():
    """Before any HELLO the controller says nothing but its own, four times a second."""
    firmware = Firmware(BOOT, 0)
    hello = messages.Hello(messages.VERSION, BOOT, 0, 4096)
    assert said(firmware.output(0)) == [hello]
    assert firmware.output(ANNOUNCE_US - 1) == b""
    assert said(firmware.output(ANNOUNCE_US)) == [hello]


def test_nothing_counts_before_hello():
    """A permission, a configuration or a ping of a host that has not greeted is not heard."""
    host = Host()
    host.link.meet(BOOT)
    part = host.part()
    for message in (CONFIG, messages.Ping(1), messages.Pass(BOOT, part, 2**60)):
        host.say(message)
    assert not host.all(messages.Pong)
    assert not host.all(messages.Configured)


def test_the_configuration_is_read_back():
    """CONFIG is answered with what is in force."""
    host = Host().greet()
    assert host.all(messages.Configured) == [messages.Configured(ConfigStatus.ACCEPTED, CONFIG)]


@pytest.mark.parametrize(
    "config",
    [
        messages.Config(400 * MS, 9 * MS, 17 * MS, 3 * MS, 64),
        messages.Config(8 * MS, 8 * MS, 17 * MS, 3 * MS, 64),
        messages.Config(400 * MS, 0, 17 * MS, 3 * MS, 64),
        messages.Config(400 * MS, 8 * MS, 17 * MS, 18 * MS, 64),
        messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 0),
        messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 4097),
    ],
)
def test_an_impossible_configuration_is_refused(config):
    """Windows that could overlap, no window, or too long a queue: not taken, nothing passes."""
    host = Host().greet(config)
    assert host.all(messages.Configured)[0].status is ConfigStatus.IMPOSSIBLE
    part = host.part()
    host.allow(part)
    assert host.all(messages.Refused) == [messages.Refused(part, Refusal.NOT_CONFIGURED)]


def test_another_configuration_is_refused_while_a_part_could_be_passed():
    """With a live part in flight CONFIG is BUSY; afterwards, or from a new host, it is taken."""
    host, other = Host().greet(), messages.Config(300 * MS, 8 * MS, 17 * MS, 3 * MS, 64)
    host.part()
    host.say(other)
    host.say(CONFIG)
    statuses = [answer.status for answer in host.all(messages.Configured)]
    assert statuses == [ConfigStatus.ACCEPTED, ConfigStatus.BUSY, ConfigStatus.ACCEPTED]
    host.wait(500 * MS)
    host.say(other)
    assert host.all(messages.Configured)[-1] == messages.Configured(ConfigStatus.ACCEPTED, other)
    host.part()
    heir = Host(0x0606_0001, host.firmware)
    heir.now_us = host.now_us
    heir.greet()
    assert heir.all(messages.Configured)[-1].status is ConfigStatus.ACCEPTED


def test_a_part_passes_exactly_in_its_window():
    """The gate opens at delay - guard, closes at delay + guard, and the outcome says passed."""
    host = Host().greet()
    host.wait(1000 * MS)
    part = host.part()
    assert part == 1
    host.allow(part)
    for at_ms, open_for in ((1391, None), (1392, 1), (1400, 1), (1407, 1), (1408, None)):
        host.wait(at_ms * MS)
        assert host.firmware.open_for == open_for
        assert host.firmware.energised == (open_for is not None)
    assert host.outcomes() == {1: OutcomeKind.PASSED}
    assert host.all(messages.Outcome)[0].tick == 1408 * MS


def test_without_permission_a_part_is_diverted():
    """Silence rejects."""
    host = Host().greet()
    host.part()
    host.wait(500 * MS)
    assert host.outcomes() == {1: OutcomeKind.REJECTED}


def test_energise_to_reject_powers_the_output_for_all_others():
    """The output's sense follows the wiring; which part passes does not."""
    inverted = replace(CONFIG, wiring=Wiring.ENERGISE_TO_REJECT)
    host = Host().greet(inverted)
    part = host.part()
    host.allow(part)
    assert host.firmware.energised
    host.wait(400 * MS)
    assert (host.firmware.open_for, host.firmware.energised) == (part, False)


def test_a_repeated_permission_fires_once():
    """The same PASS again, as the same frame and as a new one, opens the gate once."""
    host = Host().greet()
    part = host.part()
    for _ in range(5):
        host.allow(part, expiry=390 * MS)
    opened = []
    while host.now_us < 600 * MS:
        before = host.firmware.open_for
        host.wait(host.now_us + MS)
        if host.firmware.open_for != before:
            opened.append(host.firmware.open_for)
    assert opened == [part, None]


@pytest.mark.parametrize(
    ("wait_ms", "expiry_ms", "reason"),
    [
        (391, 1000, None),
        (392, 1000, Refusal.PAST_WINDOW),
        (405, 1000, Refusal.PAST_WINDOW),
        (300, 301, None),
        (300, 300, Refusal.EXPIRED),
        (300, 0, Refusal.EXPIRED),
        (409, 1000, Refusal.UNKNOWN_PART),
    ],
)
def test_a_late_permission_is_refused_with_its_reason(wait_ms, expiry_ms, reason):
    """Past the expiry or the window's start, both excluded, a PASS never counts."""
    host = Host().greet()
    part = host.part()
    host.wait(wait_ms * MS)
    host.allow(part, expiry=expiry_ms * MS)
    assert [r.reason for r in host.all(messages.Refused)] == ([reason] if reason else [])
    host.wait(600 * MS)
    late = wait_ms < 408
    expected = OutcomeKind.LATE_REFUSED if late else OutcomeKind.REJECTED
    assert host.outcomes() == {part: OutcomeKind.PASSED if reason is None else expected}


def test_a_permission_for_an_unknown_part_or_another_boot_is_refused():
    """A number that is not in flight, or of a controller before its restart, touches nothing."""
    host = Host().greet()
    part = host.part()
    host.allow(part + 1)
    host.allow(part, boot=BOOT + 0x1_0000)
    reasons = [refused.reason for refused in host.all(messages.Refused)]
    assert reasons == [Refusal.UNKNOWN_PART, Refusal.OTHER_BOOT]
    host.wait(600 * MS)
    assert host.outcomes() == {part: OutcomeKind.REJECTED}


def test_two_parts_within_the_pitch_are_both_diverted_even_if_one_was_allowed():
    """The second edge takes back the first one's permission; a third part is free again."""
    host = Host().greet()
    first = host.part()
    host.allow(first)
    host.wait(16 * MS)
    second = host.part()
    host.allow(second)
    assert host.all(messages.Refused) == [messages.Refused(second, Refusal.BARRED)]
    host.wait(33 * MS)
    third = host.part()
    host.allow(third)
    host.wait(600 * MS)
    assert host.outcomes() == {
        first: OutcomeKind.TOO_CLOSE,
        second: OutcomeKind.TOO_CLOSE,
        third: OutcomeKind.PASSED,
    }
    told = [(trigger.part, trigger.barred) for trigger in host.all(messages.Trigger)]
    assert told[0] == (first, OutcomeKind.NONE)
    assert (second, OutcomeKind.TOO_CLOSE) in told
    assert (third, OutcomeKind.NONE) in told


@pytest.mark.parametrize(("apart_us", "close"), [(17 * MS - 1, True), (17 * MS, False)])
def test_the_smallest_pitch_itself_is_enough(apart_us, close):
    """A microsecond less is too close, the pitch itself is not."""
    host = Host().greet()
    host.part()
    host.wait(apart_us)
    second = host.part()
    host.allow(second)
    host.wait(600 * MS)
    assert host.outcomes()[second] is (OutcomeKind.TOO_CLOSE if close else OutcomeKind.PASSED)


def test_a_permission_for_a_part_that_has_gone_by_passes_no_other():
    """The next parts are in flight; an old number touches none of them."""
    host = Host().greet()
    first = host.part()
    host.wait(390 * MS)
    others = [host.part()]
    host.wait(409 * MS)
    others.append(host.part())
    host.allow(first)
    assert host.all(messages.Refused) == [messages.Refused(first, Refusal.UNKNOWN_PART)]
    host.wait(1_000 * MS)
    assert [host.outcomes()[part] for part in others] == [OutcomeKind.REJECTED] * 2


def test_a_part_close_behind_an_open_gate_shuts_it():
    """Where the gate is nearer than the pitch, the second part closes it on the first."""
    host = Host().greet(messages.Config(20 * MS, 8 * MS, 40 * MS, 3 * MS, 64))
    host.wait(100 * MS)
    first = host.part()
    host.say(messages.Pass(BOOT, first, 2**60))
    host.wait(113 * MS)
    assert host.firmware.open_for == first
    second = host.part()
    assert host.firmware.open_for is None
    host.wait(300 * MS)
    assert host.outcomes() == {first: OutcomeKind.TOO_CLOSE, second: OutcomeKind.TOO_CLOSE}


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


def test_a_covered_eye_that_stays_covered_is_no_second_part():
    """Only the change from free to covered counts."""
    firmware = Firmware(BOOT, 0)
    assert firmware.eye(0, covered=True) == 1
    assert firmware.eye(50 * MS, covered=True) is None


def test_a_bouncing_eye_sees_one_part():
    """Five edges within three milliseconds are one part."""
    host = Host().greet()
    edges = []
    for step_us in (0, 700, 700, 700, 700):
        host.now_us += step_us
        edges.append(host.part())
    assert edges == [1, None, None, None, None]


def test_a_covered_eye_rejects_everything_until_it_is_free():
    """After five seconds of shade: FAULT, permissions void; free again, parts pass again."""
    host = Host().greet(messages.Config(6_000 * MS, 8 * MS, 17 * MS, 3 * MS, 64))
    first = host.firmware.eye(0, covered=True)
    host.say(messages.Pass(BOOT, first, 5_900 * MS))
    host.wait(STUCK_US)
    assert host.all(messages.Fault)[-1].faults == Faults.PHOTO_EYE
    host.allow(first)
    host.wait(6_100 * MS)
    assert host.outcomes() == {first: OutcomeKind.FAULT}
    host.firmware.eye(host.now_us, covered=False)
    host.wait(host.now_us + 10 * MS)
    assert host.all(messages.Fault)[-1].faults == Faults(0)
    second = host.part()
    host.say(messages.Pass(BOOT, second, 2**60))
    host.wait(13_000 * MS)
    assert host.outcomes()[second] is OutcomeKind.PASSED


def test_a_silent_host_loses_all_permissions_after_500_ms():
    """No PING: permissions are dropped, a FAULT is told, and a PASS is refused."""
    host = Host().greet(messages.Config(900 * MS, 8 * MS, 17 * MS, 3 * MS, 64))
    part = host.part()
    host.say(messages.Pass(BOOT, part, 2**60))
    host.wait(HEARTBEAT_US - 1, ping=False)
    assert not host.all(messages.Fault)
    host.wait(HEARTBEAT_US, ping=False)
    assert host.all(messages.Fault)[-1].faults == Faults.HEARTBEAT
    host.allow(part)
    assert host.all(messages.Refused)[-1].reason is Refusal.NO_HEARTBEAT
    host.wait(1_000 * MS, ping=False)
    host.say(messages.Ping(1))
    host.listen()
    assert host.outcomes() == {part: OutcomeKind.NO_HEARTBEAT}


def test_a_heartbeat_lost_while_the_gate_is_open_closes_it_at_once():
    """The outcome says whether the part was through by then."""
    for closes_at_ms, kind in (
        (399, OutcomeKind.NO_HEARTBEAT),
        (400, OutcomeKind.NO_HEARTBEAT),
        (401, OutcomeKind.PASSED),
    ):
        host = Host().greet(messages.Config(400 * MS, 30 * MS, 60 * MS, 3 * MS, 64))
        host.wait(200 * MS)
        part = host.part()
        host.say(messages.Pass(BOOT, part, 2**60))
        last_ping_us = (200 + closes_at_ms) * MS - HEARTBEAT_US
        host.firmware._pinged_us = last_ping_us
        host.wait((200 + closes_at_ms) * MS - 1, ping=False)
        assert host.firmware.open_for == part
        host.wait((200 + closes_at_ms) * MS, ping=False)
        assert host.firmware.open_for is None
        host.wait(700 * MS, ping=False)
        host.say(messages.Ping(1))
        host.listen()
        assert host.outcomes() == {part: kind}


@pytest.mark.parametrize("leave", ["hello", "bye"])
def test_nothing_is_carried_over_to_another_host(leave):
    """A new HELLO, or a good-bye, takes all permissions back; the reports are told again."""
    host = Host().greet()
    part = host.part()
    host.allow(part)
    if leave == "bye":
        host.say(messages.Bye())
    heir = Host(0x0606_0001, host.firmware)
    heir.greet()
    heir.say(messages.Pass(BOOT, part, 2**60))
    assert heir.all(messages.Refused) == [messages.Refused(part, Refusal.BARRED)]
    told = heir.all(messages.Trigger)
    assert [(trigger.part, trigger.barred) for trigger in told] == [(part, OutcomeKind.REJECTED)]
    heir.wait(600 * MS)
    assert heir.outcomes() == {part: OutcomeKind.REJECTED}


def test_parts_before_any_configuration_are_counted_reported_and_diverted():
    """Without a delay there is no window: the outcome is known at once."""
    host = Host()
    part = host.part()
    host.greet()
    host.wait(300 * MS)
    assert host.outcomes() == {part: OutcomeKind.REJECTED}
    assert {trigger.barred for trigger in host.all(messages.Trigger)} == {OutcomeKind.REJECTED}


def test_a_full_queue_rejects_everything_and_recovers():
    """One part more than fits bars all in flight; half empty again, parts pass again."""
    config = messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 2)
    host = Host().greet(config)
    parts = []
    for _ in range(3):
        parts.append(host.part())
        host.allow(parts[-1])
        host.wait(host.now_us + 20 * MS)
    assert host.all(messages.Fault)[-1].faults == Faults.QUEUE
    host.wait(600 * MS)
    assert host.outcomes() == dict.fromkeys(parts, OutcomeKind.FAULT)
    assert host.all(messages.Fault)[-1].faults == Faults(0)
    part = host.part()
    host.allow(part)
    host.wait(1_200 * MS)
    assert host.outcomes()[part] is OutcomeKind.PASSED


def test_a_clock_that_goes_back_bars_all_parts_in_flight():
    """Windows that moved by themselves let nothing through."""
    host = Host().greet()
    host.wait(100 * MS)
    part = host.part()
    host.allow(part)
    host.firmware.advance(90 * MS)
    host.wait(700 * MS)
    assert host.outcomes() == {part: OutcomeKind.FAULT}


def test_pong_tells_how_the_controller_is():
    """The answer to PING carries its time, the tick and the counters."""
    host = Host().greet()
    host.part()
    host.firmware.receive(b"\x05rubbish\0", 0)
    host.now_us = 5 * MS
    host.say(messages.Ping(123))
    pong = host.all(messages.Pong)[-1]
    assert pong == messages.Pong(123, 5 * MS, Faults(0), 1, 1, 1, 0)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 10**9))
def test_noise_opens_no_gate(noise, at_us):
    """Random bytes move nothing."""
    firmware = Firmware(BOOT, 0)
    firmware.receive(noise, at_us)
    firmware.output(at_us)
    firmware.advance(at_us + 10**9)
    assert firmware.open_for is None


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
