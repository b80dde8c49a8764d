"""The messages of the controller protocol as frozen types, with their bytes; pure.

Ticks are the controller's own microseconds. `docs/gate-protocol.md` tells who says what, when.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from agent.errors import WireError
from agent.gates.codes import Faults, OutcomeKind, Refusal, ReportKind, RunPermit
from agent.gates.config_messages import (
    BELT_VERSION,
    PLAIN_VERSION,
    VERSION,
    Belt,
    Config,
    Configured,
)
from agent.gates.message import Message

__all__ = (
    "BELT_VERSION", "MAX_ACKS", "MAX_RECORDED", "PLAIN_VERSION", "VERSION", "Ack", "Belt", "Bye",
    "Config", "Configured", "Fault", "Hello", "Message", "Outcome", "Pass", "Ping", "Pong",
    "Recorded", "Refused", "Run", "Seen", "Trigger", "parse_message",
)  # fmt: skip

# What fits into the 48 bytes of one payload.
MAX_ACKS = 16
MAX_RECORDED = 9


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Who speaks (`boot`), whom it has heard (`peer`, 0 for nobody), and how many parts it holds.

    Nothing else counts before it; another `boot` voids all parts in flight.
    """

    version: int
    boot: int
    peer: int
    limit: int = 0
    TYPE: ClassVar[int] = 1
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HIIH")


@dataclass(frozen=True, slots=True)
class Trigger(Message):
    """A part met the photo-eye; `barred` is NONE, or the outcome it is bound to have."""

    part: int
    tick: int
    barred: OutcomeKind
    TYPE: ClassVar[int] = 4
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IQB")

    @classmethod
    def parse(cls, payload: bytes) -> Trigger:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        part, tick, barred = cls.LAYOUT.unpack(payload)
        return cls(part, tick, OutcomeKind(barred))


@dataclass(frozen=True, slots=True)
class Pass(Message):
    """Permission for one part of one boot, void from the tick `expiry` on. A repeat is harmless."""

    boot: int
    part: int
    expiry: int
    TYPE: ClassVar[int] = 5
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIQ")


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """A PASS was not taken."""

    part: int
    reason: Refusal
    TYPE: ClassVar[int] = 6
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IB")

    @classmethod
    def parse(cls, payload: bytes) -> Refused:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        part, reason = cls.LAYOUT.unpack(payload)
        return cls(part, Refusal(reason))


@dataclass(frozen=True, slots=True)
class Outcome(Message):
    """What happened to a part; `row` tells whether its TRIGGER is known to be recorded."""

    part: int
    tick: int
    kind: OutcomeKind
    row: bool
    TYPE: ClassVar[int] = 7
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IQB?")

    @classmethod
    def parse(cls, payload: bytes) -> Outcome:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        part, tick, kind, row = cls.LAYOUT.unpack(payload)
        return cls(part, tick, OutcomeKind(kind), row)


@dataclass(frozen=True, slots=True)
class Recorded(Message):
    """The rows of these reports are committed: stop repeating them. Never acked, only repeated."""

    reports: tuple[tuple[ReportKind, int], ...]
    TYPE: ClassVar[int] = 8
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<BI")

    def payload(self) -> bytes:
        """Return the message's own bytes."""
        return b"".join([self.LAYOUT.pack(*report) for report in self.reports])

    @classmethod
    def parse(cls, payload: bytes) -> Recorded:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        return cls(
            tuple((ReportKind(kind), part) for kind, part in cls.LAYOUT.iter_unpack(payload))
        )


@dataclass(frozen=True, slots=True)
class Ping(Message):
    """The host lives; padded to the length of PONG, so that both take the line equally long."""

    host_ns: int
    TYPE: ClassVar[int] = 9
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<Q22x")


@dataclass(frozen=True, slots=True)
class Pong(Message):
    """The answer to PING: its time, the controller's tick, and how the controller is."""

    host_ns: int
    tick: int
    faults: Faults
    in_flight: int
    unrecorded: int
    refused: int
    lost: int
    TYPE: ClassVar[int] = 10
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<QQHHHII")

    @classmethod
    def parse(cls, payload: bytes) -> Pong:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        host_ns, tick, faults, *counts = cls.LAYOUT.unpack(payload)
        return cls(host_ns, tick, Faults(faults), *counts)


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """These frames have arrived: sequence number and checksum of each.

    The checksum keeps an ack that was long on its way from meaning a newer frame of that number.
    """

    marks: tuple[tuple[int, int], ...]
    TYPE: ClassVar[int] = 11
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<BH")

    def payload(self) -> bytes:
        """Return the message's own bytes."""
        return b"".join([self.LAYOUT.pack(*mark) for mark in self.marks])

    @classmethod
    def parse(cls, payload: bytes) -> Ack:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        return cls(tuple((seq, crc) for seq, crc in cls.LAYOUT.iter_unpack(payload)))


@dataclass(frozen=True, slots=True)
class Fault(Message):
    """The controller's faults have changed to these."""

    faults: Faults
    TYPE: ClassVar[int] = 12
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<H")

    @classmethod
    def parse(cls, payload: bytes) -> Fault:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        return cls(Faults(cls.LAYOUT.unpack(payload)[0]))


@dataclass(frozen=True, slots=True)
class Bye(Message):
    """The host leaves: forget all permissions now rather than in 500 ms."""

    TYPE: ClassVar[int] = 13
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("")

    def payload(self) -> bytes:
        """Return the message's own bytes."""
        return b""


@dataclass(frozen=True, slots=True)
class Seen(Message):
    """The second photo-eye had an edge: its number since power-up, and when."""

    count: int
    tick: int
    TYPE: ClassVar[int] = 14
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IQ")


@dataclass(frozen=True, slots=True)
class Run(Message):
    """From the host: whether the belt may run. From the controller: which order is in force.

    Orders are numbered upwards within a conversation, so that the repeat of an older one, which
    comes late, undoes no newer one.
    """

    number: int
    permit: RunPermit
    TYPE: ClassVar[int] = 15
    ACKED: ClassVar[bool] = True
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IB")

    @classmethod
    def parse(cls, payload: bytes) -> Run:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        number, permit = cls.LAYOUT.unpack(payload)
        return cls(number, RunPermit(permit))


_CATALOGUE: dict[int, type[Message]] = {
    kind.TYPE: kind
    for kind in (
        Hello, Config, Configured, Trigger, Pass, Refused, Outcome, Recorded, Ping, Pong, Ack,
        Fault, Bye, Seen, Run,
    )
}  # fmt: skip


def parse_message(kind: int, payload: bytes) -> Message:
    """Return the message of this type byte. Raises WireError."""
    known = _CATALOGUE.get(kind)
    if known is None:
        raise WireError(f"no message has the type {kind}")
    try:
        return known.parse(payload)
    except (struct.error, ValueError, IndexError) as error:
        raise WireError(f"{known.__name__} cannot hold these {len(payload)} bytes") from error
