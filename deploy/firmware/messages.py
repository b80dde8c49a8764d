"""The messages of the controller protocol: their numbers, layouts, and what each may hold."""

import struct

from micropython import const

VERSION = const(1)
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

# Repeated by their sender until an ACK names them.
ACKED = (CONFIG, CONFIGURED, TRIGGER, PASS, REFUSED, OUTCOME, FAULT, SEEN)
MAX_ACKS = const(16)

# What a part has come to; `barred` of TRIGGER is one of them too.
NONE = const(0)
PASSED = const(1)
REJECTED = const(2)
LATE_REFUSED = const(3)
TOO_CLOSE = const(4)
NO_HEARTBEAT = const(5)
BROKEN = const(6)

ACCEPTED = const(0)
BUSY = const(1)
IMPOSSIBLE = const(2)

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

HELLO_LAYOUT = "<HIIH"
CONFIG_LAYOUT = "<IIIIHB"
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
_REPORT_BYTES = const(5)
_MARK_BYTES = const(3)


class WireError(ValueError):
    """What came over the line is no frame of this protocol."""


def _recorded(payload: bytes) -> bool:
    whole = len(payload) % _REPORT_BYTES == 0
    return whole and all(payload[at] <= 1 for at in range(0, len(payload), _REPORT_BYTES))


# Whether the payload of each type has its length and only numbers with a meaning.
VALID = {
    HELLO: lambda payload: len(payload) == 12,
    CONFIG: lambda payload: len(payload) == 19 and payload[18] <= 1,
    CONFIGURED: lambda payload: len(payload) == 20 and payload[0] <= 2 and payload[19] <= 1,
    TRIGGER: lambda payload: len(payload) == 13 and payload[12] <= 6,
    PASS: lambda payload: len(payload) == 16,
    REFUSED: lambda payload: len(payload) == 5 and 1 <= payload[4] <= 7,
    OUTCOME: lambda payload: len(payload) == 14 and payload[12] <= 6,
    RECORDED: _recorded,
    PING: lambda payload: len(payload) == 30,
    PONG: lambda payload: len(payload) == 30,
    ACK: lambda payload: len(payload) % _MARK_BYTES == 0,
    FAULT: lambda payload: len(payload) == 2,
    BYE: lambda payload: not payload,
    SEEN: lambda payload: len(payload) == 12,
}


def possible(config: tuple) -> bool:
    """Return whether two parts that are far enough apart can never share a window."""
    delay_us, guard_us, pitch_us, debounce_us, limit, _wiring = config
    return 0 < guard_us < delay_us and pitch_us >= max(2 * guard_us, debounce_us) and limit >= 1


def unpack_all(layout: str, payload: bytes) -> list:
    """Return the equal pieces of `payload`, each unpacked."""
    size = struct.calcsize(layout)
    return [struct.unpack_from(layout, payload, at) for at in range(0, len(payload), size)]
