"""Relay `modbus`: a Modbus-RTU board with flash-on, which ends every pulse by itself."""

from __future__ import annotations

import select
from collections.abc import Sequence
from dataclasses import dataclass

from agent.config.gate import ModbusGate
from agent.gates import modbus_frame
from agent.gates.port import PortLostError
from agent.gates.relay import Answer, Stroke
from agent.gates.relay_port import RelayPort

CHECK_EVERY_NS = 1_000_000_000
# Boards take a while to let the coil go; a question before that is no proof of a fault.
SETTLE_NS = 200_000_000
_FAILURES_UNTIL_LOST = 3
_MOST_HEARD = 64
# Start bit, eight bits, one or two stop bits.
_BITS_PER_BYTE = 11
_LEAST_GAP_NS = 1_750_000


@dataclass(frozen=True, slots=True)
class _Request:
    frame: bytes
    deadline_ns: int
    stroke: Stroke | None = None

    @property
    def asks(self) -> bool:
        """Whether it is the question for the state, whose answer is no echo."""
        return self.frame[1] == modbus_frame.READ_COILS


class ModbusRelay:
    """One request at a time, each sent once; the answer has to come within `reply_ms`.

    The board proves by its answer that it obeyed: the exact echo of the request. The question for
    the coil's state, once a second and before anything else, proves that it is the board which
    answers and not an adapter that echoes, and that the coil is off.
    """

    def __init__(self, section: ModbusGate) -> None:
        self._port = RelayPort(section.port, section.baud)
        self._address, self._channel = section.address, section.channel - 1
        self._reply_ns = round(section.reply_ms * 1e6)
        gap_ns = 7 * _BITS_PER_BYTE * 1_000_000_000 // (2 * section.baud)  # 3.5 characters
        self._gap_ns = max(gap_ns, _LEAST_GAP_NS)
        self._begin(0)

    def _begin(self, now_ns: int) -> None:
        self._ready = False
        self._request: _Request | None = None
        self._heard = b""
        self._left: list[Answer] = []
        self._failures = 0
        self._turn_ns = self._check_ns = self._off_ns = now_ns
        self._must_rest = False

    @property
    def name(self) -> str:
        """The port, for a technician."""
        return self._port.name

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._port.is_open

    @property
    def ready(self) -> bool:
        """Whether the board has answered last time, with its coil off."""
        return self._ready

    @property
    def due_ns(self) -> int | None:
        """When the answer is overdue, or the next question is."""
        if self._left:
            return 0
        if self._request is not None:
            return self._request.deadline_ns
        return self._turn_ns if self._must_rest else max(self._turn_ns, self._check_ns)

    def open(self, now_ns: int) -> None:
        """Open the port and switch the coil off. Raises GateError."""
        self._port.open()
        self._port.forget()
        self._begin(now_ns)
        self.rest(now_ns)

    def pulse(self, stroke: Stroke, now_ns: int) -> None:
        """Send one flash-on. Raises PortLostError."""
        frame = modbus_frame.flash_on(self._address, self._channel, stroke.length_ms)
        self._off_ns = now_ns + stroke.length_ms * 1_000_000 + SETTLE_NS
        self._send(frame, now_ns, stroke)

    def rest(self, now_ns: int) -> None:
        """Switch the coil off. Raises PortLostError."""
        self._must_rest = False
        self._off_ns = now_ns
        self._check_ns = now_ns  # see that it is
        self._send(modbus_frame.switch_off(self._address, self._channel), now_ns, None)

    def serve(self, now_ns: int, quiet_from_ns: int | None) -> Sequence[Answer]:
        """Hear the board out, and ask it for its state now and then. Raises PortLostError."""
        answers, self._left = self._left, []
        data = self._port.read()
        if data:
            self._heard = (self._heard + data)[-_MOST_HEARD:]
            self._turn_ns = now_ns + self._gap_ns
        if self._request is None:
            self._heard = b""  # nothing was asked: late, or meant for another
        else:
            answers += self._judge(self._request, now_ns)
        self._speak(now_ns, quiet_from_ns)
        return answers

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when the board says something."""
        self._port.watch(poller)

    def close(self, *, lost: bool = False) -> None:
        """Switch the coil off and let go of the port."""
        if lost:
            self._port.forget()
        elif self._port.is_open:
            try:
                self._port.send(modbus_frame.switch_off(self._address, self._channel))
            except PortLostError:
                self._port.forget()
        self._port.close()
        self._begin(0)

    def _send(self, frame: bytes, now_ns: int, stroke: Stroke | None) -> None:
        open_request = self._request
        if open_request is not None and open_request.stroke is not None:
            text = "no answer before the next command: lower gate.reply_ms"
            self._left.append(Answer(open_request.stroke, None, text))
        self._heard = b""
        self._request = _Request(frame, now_ns + self._reply_ns, stroke)
        self._port.send(frame)

    def _speak(self, now_ns: int, quiet_from_ns: int | None) -> None:
        """Switch off or ask, if it is time and no pulse is about to need the line."""
        if self._request is not None or now_ns < self._turn_ns:
            return
        end_ns = now_ns + self._reply_ns + self._gap_ns
        if self._must_rest:
            self.rest(now_ns)
        elif now_ns < self._check_ns:
            return
        elif not self._ready or quiet_from_ns is None or end_ns < quiet_from_ns:
            self._send(modbus_frame.ask_state(self._address, self._channel), now_ns, None)
        else:
            self._check_ns = quiet_from_ns + self._reply_ns  # after that pulse

    def _judge(self, request: _Request, now_ns: int) -> list[Answer]:
        """Return the answer to the request, if it is complete or overdue."""
        heard = self._heard
        if request.asks:
            done, text = self._judge_state(request, heard, now_ns)
        else:
            done = heard[: modbus_frame.FRAME_BYTES] == request.frame
            text = self._complaint(request, heard)
        if not done and not text:
            if now_ns < request.deadline_ns:
                return []
            text = self._overdue(heard)
        self._request, self._heard = None, b""
        if done:
            return self._obeyed(request, now_ns)
        return self._failed(request, text, now_ns)

    def _judge_state(self, request: _Request, heard: bytes, now_ns: int) -> tuple[bool, str]:
        state = modbus_frame.state_of(heard[: modbus_frame.STATE_BYTES], self._address)
        if state is not None:
            if state and now_ns >= self._off_ns:
                self._must_rest = True
                return False, "the relay is on although nothing has asked for it"
            return True, ""
        if heard[: modbus_frame.FRAME_BYTES] == request.frame:
            return False, (
                "what is sent comes straight back: switch the adapter's echo off, or a dead board "
                "would look alive"
            )
        return False, self._complaint(request, heard)

    def _complaint(self, request: _Request, heard: bytes) -> str:
        """Return what is wrong with an answer that is complete; empty while it may still come."""
        refused = modbus_frame.refusal(heard, request.frame)
        if refused or len(heard) < modbus_frame.FRAME_BYTES or heard.startswith(request.frame):
            return refused
        if modbus_frame.is_sound(heard[: modbus_frame.FRAME_BYTES]):
            return f"the board answers to something else: {heard.hex(' ')}"
        return f"the answer has a wrong checksum: {heard.hex(' ')}"

    def _overdue(self, heard: bytes) -> str:
        wait_ms = self._reply_ns / 1e6
        if not heard:
            return (
                f"no answer within {wait_ms:g} ms: check the board's power, the cable, and "
                "gate.address and gate.baud"
            )
        return f"only {heard.hex(' ')} came within {wait_ms:g} ms: check gate.baud and the cable"

    def _obeyed(self, request: _Request, now_ns: int) -> list[Answer]:
        if request.asks:  # only that tells a board that obeys from one that merely answers
            self._failures = 0
            self._ready = True
            self._check_ns = now_ns + CHECK_EVERY_NS
        return [] if request.stroke is None else [Answer(request.stroke, done=True)]

    def _failed(self, request: _Request, text: str, now_ns: int) -> list[Answer]:
        """Ask anew; the third failure in a row is a lost board. Raises PortLostError."""
        self._ready = False
        self._failures += 1
        self._check_ns = now_ns
        self._turn_ns = max(self._turn_ns, now_ns + self._gap_ns)
        if self._failures >= _FAILURES_UNTIL_LOST:
            raise PortLostError(f"the relay board on {self.name} is lost: {text}")
        return [Answer(request.stroke, None, text)]
