"""What lanes hand on to one another: frozen records of plain values.

Times named `*_ns` are monotonic nanoseconds of the host unless they say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class VerdictKind(str, Enum):
    """The four verdicts; triggers = PASS + REJECT + RECHECK + UNINSPECTED, always."""

    PASS = "PASS"
    REJECT = "REJECT"
    RECHECK = "RECHECK"
    UNINSPECTED = "UNINSPECTED"


class Reason(str, Enum):
    """Why a part was not inspected; `none` for the other verdicts."""

    NONE = "none"
    PENDING = "pending"  # still between camera and gate
    LATE = "late"  # the verdict came after the part's cut-off
    NO_FRAME = "no_frame"  # no frame was taken within the part's time at the camera
    CAMERA_LOST = "camera_lost"
    CAMERA_FROZEN = "camera_frozen"  # the same picture again and again
    BLACK = "black"  # the lens is covered or the lamp off
    SATURATED = "saturated"  # light shines into the lens
    DAMAGED = "damaged"  # the lower part of the picture is missing
    BLANK = "blank"  # the picture shows nothing at all
    BLURRED = "blurred"
    SHIFTED = "shifted"  # the camera, or the mark it looks at, was moved
    FRAME = "frame"  # of the wrong size
    ENGINE = "engine"  # the model failed on this picture
    OVERLOAD = "overload"  # more parts than can be judged
    NOT_READY = "not_ready"  # no model has passed its self-test yet
    RESTART = "restart"  # in flight while the agent or the controller restarted
    TOO_CLOSE = "too_close"  # two parts in one window
    GATE = "gate"  # the gate was lost or refused
    BELT_STOP = "belt_stop"  # the belt stood while time was to bring the part to the gate
    BELT_SPEED = "belt_speed"  # the belt did not keep its speed
    BELT_BACK = "belt_back"  # the belt ran backwards
    DISK = "disk"  # the row could not be written
    STOPPING = "stopping"  # the agent is shutting down
    PAUSED = "paused"  # a person has paused the line
    BYPASSED = "bypassed"  # a person has the line let parts through; the outcome may be `passed`


class OutcomeCode(str, Enum):
    """What the gate did with a part, as its controller reports it."""

    PASSED = "passed"
    REJECTED = "rejected"  # no PASS was given for it: the resting state
    LATE_REFUSED = "late_refused"  # a PASS came after the part's window
    TOO_CLOSE = "too_close"  # two parts in one window
    NO_HEARTBEAT = "no_heartbeat"  # the host was silent: permissions dropped
    FAULT = "fault"  # the output, the photo-eye or the encoder is broken
    BELT_STOP = "belt_stop"  # the belt stood with the part on it, and its window is a time
    BELT_SPEED = "belt_speed"  # the part was not where it should be, or soon would not be
    BELT_BACK = "belt_back"  # the belt ran backwards
    UNKNOWN = "unknown"  # no report: the controller was lost


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera frame: uint8 pixels (height, width[, 3]) in OpenCV's colour order."""

    pixels: NDArray[np.uint8]
    taken_ns: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a camera as asked for and as read back, in the configuration's units.

    `need` says what a difference costs: the "frame" would be another one, the "picture" would
    look otherwise, or it is only worth a "note". `locks` is the setting whose automatic this one
    switches off.
    """

    name: str
    wanted: str
    given: str
    kept: bool
    need: str
    locks: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A part met the photo-eye. `boot` and `part` are the controller's: its boot and its count.

    `barred` is the outcome that it is bound to have already, whatever its verdict.
    """

    boot: int
    part: int
    at_ns: int
    barred: OutcomeCode | None = None


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """The controller's report of what happened to a part at the gate."""

    boot: int
    part: int
    code: OutcomeCode
    at_ns: int


# The kind of a notice: a part was seen where it should not be, or not where it should.
DISAGREES = "gate_disagrees"


@dataclass(frozen=True, slots=True)
class GateNotice:
    """Something happened to the gate itself: lost, back, clock out of step, fault."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class PassOrder:
    """Permission for one part, void from `expiry_ns` on."""

    boot: int
    part: int
    expiry_ns: int


@dataclass(frozen=True, slots=True)
class Part:
    """A trigger with the line's own number for it; `seq` is never used twice.

    `seen_ns` is when the host learned of the part.
    """

    seq: int
    trigger: Trigger
    seen_ns: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one part, and when."""

    part: Part
    kind: VerdictKind
    reason: Reason = Reason.NONE
    score: float | None = None
    model: str = ""
    frame_ns: int | None = None  # when the frame was taken
    ready_ns: int | None = None  # when frame and trigger were both in hand
    judged_ns: int | None = None
    prepare_us: int | None = None
    invoke_us: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on its way to the gate lane, with the picture it was made from."""

    verdict: Verdict
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What the recorder has written durably, on its way back to the gate lane."""

    parts: tuple[Part, ...]
    verdicts: tuple[Verdict, ...]
    outcomes: tuple[GateOutcome, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the machine rather than to a part."""

    kind: str
    text: str
    at_ns: int


# Everything that the recorder writes.
ToRecorder = Part | Judged | GateOutcome | Event
