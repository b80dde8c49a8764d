"""What goes into the ledger and what comes out of it, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass

from agent.records import Event, GateOutcome, OutcomeCode, Part, Reason, Verdict, VerdictKind


@dataclass(frozen=True, slots=True)
class OpenPart:
    """Begin a part's row; opened again after a repeated trigger it changes nothing."""

    part: Part
    wall_ns: int
    clock_ok: bool = True  # False while the wall clock is known to be wrong


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """Give a part its verdict; `picture` names the kept picture, empty for none."""

    verdict: Verdict
    picture: str = ""


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """Complete a part with what the gate did."""

    outcome: GateOutcome


@dataclass(frozen=True, slots=True)
class AddEvent:
    """Note something that happened to the machine."""

    event: Event
    wall_ns: int


LedgerWrite = OpenPart | SetVerdict | SetOutcome | AddEvent


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction made durable, and what the ledger did not take.

    Only a PASS in `verdicts` has its row: it may be released.
    """

    parts: tuple[Part, ...] = ()  # these have a row, also those which had it before
    verdicts: tuple[Verdict, ...] = ()
    outcomes: tuple[GateOutcome, ...] = ()
    refused_verdicts: tuple[Verdict, ...] = ()  # no row, or the row is settled otherwise
    refused_outcomes: tuple[GateOutcome, ...] = ()  # the row is complete with another outcome
    unknown_outcomes: tuple[GateOutcome, ...] = ()  # no row


@dataclass(frozen=True, slots=True)
class Balance:
    """The line's account since the ledger was begun.

    `uninspected` holds the parts in work as well: a part is UNINSPECTED until it is judged.
    """

    triggers: int = 0
    passed: int = 0
    rejected: int = 0
    rechecked: int = 0
    uninspected: int = 0
    in_work: int = 0

    @property
    def holds(self) -> bool:
        """Whether every trigger has exactly one verdict."""
        verdicts = self.passed + self.rejected + self.rechecked + self.uninspected
        return self.triggers == verdicts and self.in_work <= self.uninspected


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A complete row of the ledger, as it is published."""

    seq: int
    prev: int | None  # the sequence number before this one in the ledger; None for its first
    boot: int
    gate_part: int
    this_boot: bool  # False when `*_ns` are of an earlier start of this machine
    at_ns: int
    wall_ns: int
    clock_ok: bool
    verdict: VerdictKind
    reason: Reason
    score: float | None
    model: str
    frame_ns: int | None
    ready_ns: int | None
    judged_ns: int | None
    prepare_us: int | None
    invoke_us: int | None
    outcome: OutcomeCode
    outcome_ns: int | None
    picture: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the ledger, as it is published."""

    number: int
    this_boot: bool
    at_ns: int
    wall_ns: int
    kind: str
    text: str
