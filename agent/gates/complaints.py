"""What the gate's line has to complain about, as sentences for a technician; pure."""

from __future__ import annotations

from agent.gates.codes import ConfigStatus, Faults, Refusal
from agent.gates.messages import BELT_VERSION, PLAIN_VERSION, VERSION, Refused
from agent.records import GateNotice

_REFUSALS_EVERY_NS = 1_000_000_000
_FAULTS = {
    Faults.HEARTBEAT: GateNotice(
        "heartbeat",
        "the gate controller heard nothing from this computer for 500 ms and rejects everything",
    ),
    Faults.QUEUE: GateNotice(
        "gate_queue",
        "more parts between camera and gate than timing.max_in_flight: rejecting everything; "
        "raise it, or let the parts come more slowly",
    ),
    Faults.PHOTO_EYE: GateNotice(
        "photo_eye",
        "the photo-eye has been covered for 5 s: rejecting everything; clean it, or clear the belt",
    ),
    Faults.BELT_STOP: GateNotice(
        "belt_stop",
        "the belt stands: parts in flight are diverted, and all others until it runs at "
        "gate.ticks_per_s again",
    ),
    Faults.BELT_SPEED: GateNotice(
        "belt_speed",
        "the belt does not run at the speed of gate.ticks_per_s, or runs faster than "
        "gate.max_ticks_per_s: rejecting everything until it does",
    ),
    Faults.BELT_BACK: GateNotice(
        "belt_back",
        "the belt ran backwards: rejecting everything until it is where it had been; if it never "
        "was, the encoder's channels A and B are exchanged",
    ),
    Faults.ENCODER: GateNotice(
        "encoder",
        "parts come and the encoder counts nothing, or not all: parts in flight are diverted; "
        "check its cable and coupling",
    ),
}
_REASONS = {
    Refusal.UNKNOWN_PART: "it does not have that part in flight",
    Refusal.EXPIRED: "it came after its expiry",
    Refusal.PAST_WINDOW: "it came after the part's window had begun",
    Refusal.BARRED: "that part may not be passed",
    Refusal.NO_HEARTBEAT: "it had lost the heartbeat",
    Refusal.NOT_CONFIGURED: "it has not been configured",
    Refusal.OTHER_BOOT: "it was meant for the controller before its restart",
}


# What a firmware is too old for, by the version that the line needs, and what not to ask of it.
_TOO_OLD = {
    BELT_VERSION: ("work with an encoder", "take the ticks out of [gate]"),
    VERSION: ("stop the belt", 'set gate.on_disagreement to "latch"'),
}


def silence(version: int, spoken: int, *, echo: bool, refused: int) -> str:
    """Say why no controller has answered, from what was heard instead.

    `version` is what the controller answers, `spoken` what this line needs.
    """
    if PLAIN_VERSION <= version < spoken:
        task, instead = _TOO_OLD[spoken]
        return (
            f"the gate controller's firmware is too old to {task}: flash the controller's "
            f"firmware, or {instead}"
        )
    if version != spoken:
        return (
            f"the gate controller speaks version {version} of the protocol and this program "
            f"version {spoken}: flash the controller's firmware"
        )
    if echo:
        return "what is sent comes straight back: a loop-back plug, or an adapter that echoes"
    if refused:
        return (
            "something speaks there that is no gate controller, or at another speed: "
            "check gate.port and gate.baud"
        )
    return "nothing answers there: check the cable, the controller's power and gate.port"


def refusal(status: ConfigStatus) -> str:
    """Say why the controller does not take its configuration; empty where it may still do."""
    if status is ConfigStatus.NO_ENCODER:
        return (
            "the gate controller has no encoder, and delay_ticks needs one with both channels: "
            "wire it, name ENCODER_A_PIN and ENCODER_B_PIN in the firmware's settings.py"
        )
    if status is ConfigStatus.NO_RUN_OUTPUT:
        return (
            "the gate controller has no output that could stop the belt, and "
            'gate.on_disagreement = "stop" needs one: wire it and name RUN_PIN in the firmware\'s '
            'settings.py, or be content with "latch"'
        )
    if status is ConfigStatus.IMPOSSIBLE:
        return (
            "the gate controller takes its configuration for impossible: delay, guard or smallest "
            "pitch, timing.max_in_flight or gate.wiring"
        )
    return ""


class FaultWatch:
    """Turns the controller's fault bits into one notice per change."""

    def __init__(self) -> None:
        self._now = Faults(0)
        self._lost = 0

    def note(self, faults: Faults) -> list[GateNotice]:
        """Return what has changed."""
        come, gone = faults & ~self._now, self._now & ~faults
        self._now = faults
        notices = [notice for fault, notice in _FAULTS.items() if fault & come]
        if gone and not self._now:
            notices.append(GateNotice("gate_back", "the gate controller has no fault any more"))
        return notices

    def note_lost(self, lost: int) -> list[GateNotice]:
        """Return a notice when the controller had to forget reports that nobody recorded."""
        more, self._lost = lost - self._lost, lost
        if more <= 0:
            return []
        text = f"{more} reports of the gate were never recorded: their parts were rejected"
        return [GateNotice("gate_gap", text)]


class RefusalWatch:
    """Counts refused permissions and tells of them at most once a second."""

    def __init__(self) -> None:
        self.total = 0
        self._untold = 0
        self._quiet_until_ns = 0

    def note(self, refused: Refused, now_ns: int) -> list[GateNotice]:
        """Return the notice to give now, if any."""
        self.total += 1
        self._untold += 1
        if now_ns < self._quiet_until_ns:
            return []
        self._quiet_until_ns = now_ns + _REFUSALS_EVERY_NS
        more = f" ({self._untold} refusals since the last notice)" if self._untold > 1 else ""
        self._untold = 0
        text = f"the controller refused to pass part {refused.part}: {_REASONS[refused.reason]}"
        return [GateNotice("pass_refused", text + more)]
