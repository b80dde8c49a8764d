"""What the gate's line has to complain about, as sentences for a technician; pure."""

from __future__ import annotations

from agent.gates.codes import Faults, Refusal
from agent.gates.messages import VERSION, Refused
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


def silence(version: int, *, echo: bool, refused: int) -> str:
    """Say why no controller has answered, from what was heard instead."""
    if version != VERSION:
        return (
            f"the gate controller speaks version {version} of the protocol and this program "
            f"version {VERSION}: flash the controller's firmware"
        )
    if echo:
        return "what is sent comes straight back: a loop-back plug, or an adapter that echoes"
    if refused:
        return (
            "something speaks there that is no gate controller, or at another speed: "
            "check gate.port and gate.baud"
        )
    return "nothing answers there: check the cable, the controller's power and gate.port"


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
