"""The independent judge: compares what the belt saw with what the ledger says; pure.

It knows nothing of protocol, driver or firmware: the belt's own record and the ledger's rows are
all that it believes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PASS = "PASS"

Row = tuple[int, int, str]
"""(boot, part, verdict) of one row of the ledger."""
_Key = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class BeltPart:
    """One part of the belt, as it met the gate; `part` is None if the eye took it for a bounce."""

    belt_part: int
    boot: int
    part: int | None
    opened_for: int | None
    at_gate_ns: int

    @property
    def passed(self) -> bool:
        """Whether the part went through the gate."""
        return self.opened_for is not None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's figures; each list names belt parts or rows, for the one who has to look."""

    parts: int
    passed: int
    diverted: int
    wrong_part: tuple[BeltPart, ...]
    pass_diverted: tuple[BeltPart, ...]
    without_row: tuple[BeltPart, ...]
    rows_without_part: tuple[Row, ...]
    double_rows: tuple[tuple[int, int], ...]

    @property
    def safe(self) -> bool:
        """Whether no part went through without a PASS of its own."""
        return not self.wrong_part

    @property
    def balanced(self) -> bool:
        """Whether every part has exactly one row and every row its part."""
        return not (self.without_row or self.rows_without_part or self.double_rows)


def read_record(lines: Iterable[str]) -> tuple[BeltPart, ...]:
    """Return the parts in the belt's record; other lines, and a last one cut short, are skipped."""
    parts = []
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and "belt_part" in entry:
            parts.append(_belt_part(entry))
    return tuple(parts)


def judge(parts: Iterable[BeltPart], rows: Iterable[Row]) -> Judgement:
    """Compare the belt with the ledger."""
    belt, ledger = tuple(parts), tuple(rows)
    count = Counter((boot, part) for boot, part, _verdict in ledger)
    verdicts: dict[_Key, str] = {(boot, part): verdict for boot, part, verdict in ledger}
    own = {_key(part): part for part in belt}
    passed = [part for part in belt if part.passed]
    return Judgement(
        parts=len(belt),
        passed=len(passed),
        diverted=len(belt) - len(passed),
        wrong_part=tuple(part for part in passed if not _rightly_passed(part, verdicts)),
        pass_diverted=tuple(
            part for part in belt if not part.passed and verdicts.get(_key(part)) == PASS
        ),
        without_row=tuple(part for part in belt if _key(part) not in count),
        rows_without_part=tuple(row for row in ledger if row[:2] not in own),
        double_rows=tuple(key for key, times in count.items() if times > 1),
    )


def _rightly_passed(part: BeltPart, verdicts: Mapping[_Key, str]) -> bool:
    return part.opened_for == part.part and verdicts.get(_key(part)) == PASS


def _key(part: BeltPart) -> _Key:
    return part.boot, part.part


def _belt_part(entry: Mapping[str, Any]) -> BeltPart:
    return BeltPart(
        belt_part=entry["belt_part"],
        boot=entry["boot"],
        part=entry["part"],
        opened_for=entry["opened_for"],
        at_gate_ns=entry["at_gate_ns"],
    )
