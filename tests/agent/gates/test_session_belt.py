"""Host and controller agree on an encoder, or say in a sentence why they do not."""

from __future__ import annotations

import pytest
from belt_line import START_NS, TICKS, WATCHED, BeltLine
from gate_process import CLOCK, MS, GateProcess, Host
from moved_line import EMPTY, SECOND, TERMS, notices, run

from agent.config import gate as config_gate
from agent.config.document import Timing
from agent.errors import GateError
from agent.gates import messages
from agent.gates.codes import ConfigStatus, OutcomeKind
from agent.gates.controller import ControllerGate
from agent.gates.partbook import PartBook
from agent.gates.session import Session
from agent.gates.terms import Terms
from agent.gates.wire import DELIMITER, decode_frame, encode_frame
from agent.records import GateNotice, OutcomeCode, PassOrder, Trigger
from agent.sim.firmware import Firmware
from agent.sim.virtual import VirtualLine

FIELDS = {
    "delay_ticks": 2_000,
    "guard_ticks": 100,
    "min_pitch_ticks": 200,
    "max_ticks_per_s": 5_000,
}


class OldFirmware(Firmware):
    """A controller from before the encoder: version 1 and nothing else."""

    def _greet(self, peer, version=messages.PLAIN_VERSION):
        super()._greet(peer, messages.PLAIN_VERSION)

    def _on_hello(self, hello, now_us):
        if hello.version == messages.PLAIN_VERSION:
            super()._on_hello(hello, now_us)
        else:
            self._greet(hello.boot)


def test_an_old_controller_is_refused_in_a_sentence_where_an_encoder_is_needed():
    """Nothing is half obeyed: no configuration is sent, and the sentence says what to do."""
    line = VirtualLine(Terms(TICKS), EMPTY)
    line.firmware = OldFirmware(77, 0)
    run(line, 4)
    lost = [event.text for event in line.events if event.kind == "gate_lost"]
    assert "firmware is too old to work with an encoder" in lost[0]
    assert line.firmware._tracker.config is None


def test_an_old_controller_serves_a_line_without_encoder_as_ever():
    """Nothing need be flashed for a line that needs nothing new."""
    line = VirtualLine(TERMS, EMPTY)
    line.firmware = OldFirmware(77, 0)
    run(line, 1)
    assert line.session.up(line.clock.now_ns())
    assert notices(line) == []


def test_a_new_controller_answers_in_the_version_that_it_is_spoken_to():
    """It offers the newest before it knows anybody; a host without encoder stays with the first."""
    session = Session(TERMS, 77, PartBook(), 0)
    session.receive(encode_frame(messages.Hello(messages.VERSION, 5, 0), 1, 5), 1)
    session.advance(2)
    said = [decode_frame(one).message for one in session.output(2).split(DELIMITER) if one]
    assert {one.version for one in said if isinstance(one, messages.Hello)} == {1}
    session.receive(encode_frame(messages.Hello(1, 5, 77), 2, 5), 3)
    assert session.complaint() == "the controller does not take its configuration"


def test_a_controller_without_encoder_is_told_with_the_pins_to_name():
    """The configuration is refused, nothing passes, the technician reads what to wire."""
    line = VirtualLine(Terms(TICKS), EMPTY)
    line.firmware = Firmware(77, 0, channels=0)
    run(line, 1)
    assert notices(line) == ["gate_config"]
    assert "ENCODER_A_PIN and ENCODER_B_PIN" in line.events[0].text
    assert "ENCODER_A_PIN" in line.session.complaint()
    assert not line.session.up(line.clock.now_ns())


@pytest.mark.parametrize(
    ("kind", "barred"),
    [
        (OutcomeKind.NONE, None),
        (OutcomeKind.REJECTED, None),
        (OutcomeKind.TOO_CLOSE, OutcomeCode.TOO_CLOSE),
        (OutcomeKind.BELT_STOP, OutcomeCode.BELT_STOP),
        (OutcomeKind.BELT_SPEED, OutcomeCode.BELT_SPEED),
        (OutcomeKind.BELT_BACK, OutcomeCode.BELT_BACK),
    ],
)
def test_a_trigger_says_what_its_part_is_bound_to(kind, barred):
    """What the belt has spoilt from the start need not be looked at, and has its reason."""
    line = VirtualLine(TERMS, EMPTY)
    run(line, 1)
    now_ns = line.clock.now_ns()
    trigger = messages.Trigger(1, line.oscillator.tick(now_ns), kind)
    line.session.receive(encode_frame(trigger, 9, line.firmware.boot), now_ns)
    (event,) = line.session.take_events()
    assert isinstance(event, Trigger)
    assert event.barred is barred


def test_a_host_that_restarts_while_the_belt_stands_voids_what_waits():
    """Nothing is carried over, however long its window would still have waited."""
    line = BeltLine(TICKS, [(1_000, 0), (3_000, 5_000)], parts=20).run(START_NS + 2 * SECOND)
    before = set(line.passed)
    line.line.restart_host()
    line.allowed = {key for key in line.allowed if key[1] in before}
    line.run(START_NS + 10 * SECOND)
    line.assert_safe()
    assert line.line.witness.over
    assert line.passed == before


def test_the_sentences_of_a_belt_name_what_to_set():
    """Each notice says what is rejected, until when, and which option it is about."""
    line = BeltLine(WATCHED, [(1_000, 0), (500, 6_500), (500, -500)]).run(START_NS + 3 * SECOND)
    told = {e.kind: e.text for e in line.line.events if isinstance(e, GateNotice)}
    assert "gate.ticks_per_s" in told["belt_stop"]
    assert "gate.ticks_per_s" in told["belt_speed"]
    assert "A and B are exchanged" in told["belt_back"]


def driver(process):
    """Return a driver for a controller that follows its belt, and the times it is held to."""
    section = config_gate.ControllerGate(driver="controller", port=str(process.link), **FIELDS)
    timing = Timing(
        delay_ms=400, guard_ms=20, min_pitch_ms=40, frame_within_ms=15, max_in_flight=64
    )
    return ControllerGate(section, timing, CLOCK)


def test_a_real_controller_process_waits_with_its_parts_for_the_belt(tmp_path):
    """Pty, process, real time: the belt stands for two seconds, and every allowed part passes."""
    options = {"rate": 10, "jitter": 0.2, "parts": 30, "ticks_per_s": 5_000}
    start_ns = CLOCK.now_ns() + 3 * SECOND
    motion = {"motion": "1.0:0,3.0:3500", "start_ns": start_ns}
    with GateProcess(tmp_path, **options, **motion) as process:
        gate = driver(process)
        gate.open()
        host = BeltServer(gate)
        host.serve(lambda: process.over(30) and len(host.outcomes) >= 30)
        parts = process.parts()
        gate.close()
    judgement = host.judge(parts)
    assert judgement.safe
    assert judgement.balanced
    assert judgement.passed >= 15
    assert host.passed == {key for key, kind in host.rows.items() if kind == "PASS"}


def test_a_real_controller_process_without_encoder_is_refused_at_open(tmp_path):
    """`open` is strict: one sentence with the port."""
    with GateProcess(tmp_path) as process:
        gate = driver(process)
        with pytest.raises(GateError, match=r"gate: the gate controller has no encoder"):
            gate.open()
        gate.close()


class BeltServer(Host):
    """A host that holds its permissions to the times of the fastest belt."""

    def _take(self, event):
        if not isinstance(event, Trigger):
            super()._take(event)
            return
        self.gate.recorded(event)
        order = PassOrder(event.boot, event.part, event.at_ns + 380 * MS)
        allowed = event.part % 4 and self.gate.allow(order)
        self.rows[event.boot, event.part] = "PASS" if allowed else "REJECT"


def test_the_status_of_an_answer_is_read_back():
    """NO_ENCODER has its number on the wire."""
    answer = messages.Configured(ConfigStatus.NO_ENCODER, WATCHED)
    assert decode_frame(encode_frame(answer, 1, 2)[:-1]).message == answer
    assert answer.payload()[0] == 3
    assert len(answer.payload()) == 38
