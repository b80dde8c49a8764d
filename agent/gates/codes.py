"""The numbers of the controller protocol that stand for a word; pure."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Wiring(IntEnum):
    """What the powered output does to a part."""

    ENERGISE_TO_PASS = 0
    ENERGISE_TO_REJECT = 1


class BeltMode(IntEnum):
    """What the belt's encoder is for; version 2 of the protocol."""

    WATCHED = 1  # windows are times, and the belt must keep its speed
    TICKS = 2  # windows are places of the belt


class ConfigStatus(IntEnum):
    """What the controller thinks of a CONFIG."""

    ACCEPTED = 0
    BUSY = 1  # parts are in flight that could still be passed
    IMPOSSIBLE = 2  # windows would overlap, or more parts in flight than it can hold
    NO_ENCODER = 3  # none is connected, or for TICKS none that tells the direction
    NO_RUN_OUTPUT = 4  # nothing that could stop the belt is connected


class RunPermit(IntEnum):
    """Whether the belt may run; version 3 of the protocol."""

    OFF = 0
    ON = 1  # whatever becomes of the host
    WHILE_HEARD = 2  # only while the heartbeat lives


class OutcomeKind(IntEnum):
    """What the gate did with a part; NONE only where nothing has been decided."""

    NONE = 0
    PASSED = 1
    REJECTED = 2
    LATE_REFUSED = 3
    TOO_CLOSE = 4
    NO_HEARTBEAT = 5
    FAULT = 6
    BELT_STOP = 7
    BELT_SPEED = 8
    BELT_BACK = 9


class Refusal(IntEnum):
    """Why the controller did not take a PASS."""

    UNKNOWN_PART = 1
    EXPIRED = 2
    PAST_WINDOW = 3
    BARRED = 4
    NO_HEARTBEAT = 5
    NOT_CONFIGURED = 6
    OTHER_BOOT = 7


class Faults(IntFlag):
    """What is wrong with the controller at the moment."""

    HEARTBEAT = 1
    QUEUE = 2
    PHOTO_EYE = 4
    BELT_STOP = 8
    BELT_SPEED = 16
    BELT_BACK = 32
    ENCODER = 64


class ReportKind(IntEnum):
    """The two messages about a part that are repeated until their row is committed."""

    TRIGGER = 0
    OUTCOME = 1
