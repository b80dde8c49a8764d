"""The messages of the controller protocol: their numbers, layouts, and what each may hold."""

import struct

from micropython import const

VERSION = const(3)
PLAIN_VERSION = const(1)
HELLO = const(1)
CONFIG = const(2)
CONFIGURED = const(3)
TRIGGER = const(4)
PASS = const(5)
REFUSED = const(6)
OUTCOME = const(7)
RECORDED = const(8)
PING = const(9)
PONG = const(10)
ACK = const(11)
FAULT = const(12)
BYE = const(13)
SEEN = const(14)
RUN = const(15)

# Repeated by their sender until an ACK names them.
ACKED = (CONFIG, CONFIGURED, TRIGGER, PASS, REFUSED, OUTCOME, FAULT, SEEN, RUN)
MAX_ACKS = const(16)

# What a part has come to; `barred` of TRIGGER is one of them too.
NONE = const(0)
PASSED = const(1)
REJECTED = const(2)
LATE_REFUSED = const(3)
TOO_CLOSE = const(4)
NO_HEARTBEAT = const(5)
BROKEN = const(6)
BELT_STOP = const(7)
BELT_SPEED = const(8)
BELT_BACK = const(9)

ACCEPTED = const(0)
BUSY = const(1)
IMPOSSIBLE = const(2)
NO_ENCODER = const(3)
NO_RUN_OUTPUT = const(4)

# Whether the belt may run: no, yes, or only while the heartbeat lives.
RUN_OFF = const(0)
RUN_ON = const(1)
RUN_WHILE_HEARD = const(2)

UNKNOWN_PART = const(1)
EXPIRED = const(2)
PAST_WINDOW = const(3)
BARRED = const(4)
NOT_ALIVE = const(5)
NOT_CONFIGURED = const(6)
OTHER_BOOT = const(7)

HEARTBEAT_FAULT = const(1)
QUEUE_FAULT = const(2)
EYE_FAULT = const(4)
STOP_FAULT = const(8)
SPEED_FAULT = const(16)
BACK_FAULT = const(32)
ENCODER_FAULT = const(64)
BELT_FAULTS = const(56)

# What the encoder is for: to watch the speed while windows are times, or to be their measure.
WATCHED = const(1)
TICKS = const(2)
# A belt may go back so much, as a share of the guard.
BACK_SHARE = const(4)
_LEAST_TOLD = const(2_000)

HELLO_LAYOUT = "<HIIH"
CONFIG_LAYOUT = "<IIIIHB"
BELT_LAYOUT = "<IIIIHBBIIIIB"
_PLAIN_FIELDS = const(6)
_BELT_FIELDS = const(12)
_PLAIN_BYTES = const(19)
_BELT_BYTES = const(37)
TRIGGER_LAYOUT = "<IQB"
PASS_LAYOUT = "<IIQ"
REFUSED_LAYOUT = "<IB"
OUTCOME_LAYOUT = "<IQBB"
RECORDED_LAYOUT = "<BI"
PING_LAYOUT = "<Q"
PONG_LAYOUT = "<QQHHHII"
ACK_LAYOUT = "<BH"
FAULT_LAYOUT = "<H"
SEEN_LAYOUT = "<IQ"
RUN_LAYOUT = "<IB"
_REPORT_BYTES = const(5)
_MARK_BYTES = const(3)


class WireError(ValueError):
    """What came over the line is no frame of this protocol."""


def _recorded(payload: bytes) -> bool:
    whole = len(payload) % _REPORT_BYTES == 0
    return whole and all(payload[at] <= 1 for at in range(0, len(payload), _REPORT_BYTES))


def _config(payload: bytes) -> bool:
    if _stops(payload):
        if payload[-1] != 1:
            return False
        payload = payload[:-1]
    if len(payload) == _BELT_BYTES and not WATCHED <= payload[19] <= TICKS:
        return False
    return len(payload) in (_PLAIN_BYTES, _BELT_BYTES) and payload[18] <= 1


def _stops(payload: bytes) -> bool:
    return len(payload) in (_PLAIN_BYTES + 1, _BELT_BYTES + 1)


# Whether the payload of each type has its length and only numbers with a meaning.
VALID = {
    HELLO: lambda payload: len(payload) == 12,
    CONFIG: _config,
    CONFIGURED: lambda payload: len(payload) and payload[0] <= 4 and _config(payload[1:]),
    TRIGGER: lambda payload: len(payload) == 13 and payload[12] <= 9,
    PASS: lambda payload: len(payload) == 16,
    REFUSED: lambda payload: len(payload) == 5 and 1 <= payload[4] <= 7,
    OUTCOME: lambda payload: len(payload) == 14 and payload[12] <= 9,
    RECORDED: _recorded,
    PING: lambda payload: len(payload) == 30,
    PONG: lambda payload: len(payload) == 30,
    ACK: lambda payload: len(payload) % _MARK_BYTES == 0,
    FAULT: lambda payload: len(payload) == 2,
    BYE: lambda payload: not payload,
    SEEN: lambda payload: len(payload) == 12,
    RUN: lambda payload: len(payload) == 5 and payload[4] <= 2,
}


def possible(config: tuple) -> bool:
    """Return whether two parts that are far enough apart can never share a window."""
    delay_us, guard_us, pitch_us, debounce_us, limit, _wiring = config[:_PLAIN_FIELDS]
    if not (0 < guard_us < delay_us and pitch_us >= max(2 * guard_us, debounce_us) and limit >= 1):
        return False
    terms = belt_of(config)
    return terms is None or _belt_possible(*terms)


def _belt_possible(mode, delay, guard, pitch, ticks_per_s, tolerance) -> bool:
    if not (0 < guard < delay and ticks_per_s > 0):
        return False
    if mode == TICKS:
        return guard >= BACK_SHARE and pitch >= 2 * guard
    return pitch > guard and 0 < tolerance < 100 and ticks_per_s * tolerance >= _LEAST_TOLD


def unpack_config(payload: bytes) -> tuple:
    """Return the fields of a CONFIG.

    Those of the belt, and a last 1 where it is to be stopped, follow where there are any.
    """
    plain = len(payload) <= _PLAIN_BYTES + 1
    layout = CONFIG_LAYOUT if plain else BELT_LAYOUT
    return struct.unpack(layout + "B" if _stops(payload) else layout, payload)


def pack_config(config: tuple) -> bytes:
    """Return a CONFIG's payload."""
    layout = CONFIG_LAYOUT if len(config) <= _PLAIN_FIELDS + 1 else BELT_LAYOUT
    return struct.pack(layout + "B" if stops(config) else layout, *config)


def stops(config: tuple) -> bool:
    """Return whether the line is one where a disagreement stops the belt."""
    return len(config) in (_PLAIN_FIELDS + 1, _BELT_FIELDS + 1)


def belt_of(config: tuple) -> "tuple | None":
    """Return mode, delay, guard, smallest pitch, ticks a second and tolerance; None without."""
    return config[_PLAIN_FIELDS:_BELT_FIELDS] if len(config) >= _BELT_FIELDS else None


def unpack_all(layout: str, payload: bytes) -> list:
    """Return the equal pieces of `payload`, each unpacked."""
    size = struct.calcsize(layout)
    return [struct.unpack_from(layout, payload, at) for at in range(0, len(payload), size)]
