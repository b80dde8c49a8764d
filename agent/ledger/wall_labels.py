"""What a part's wall time should have been, once the clock of that boot of the machine was set."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

SLICE_ROWS = 50_000

# A row's wall time is that of its moment, so the two clocks of any row that was written with a
# known clock say how far they are apart; no step moves the monotonic one.
KNOWN = """
SELECT host_boot, at_ns, wall_ns - at_ns FROM event WHERE kind = 'clock_known'
ORDER BY number DESC
"""
UNSURE = "SELECT DISTINCT host_boot FROM event WHERE kind = 'clock_unsure'"
LAST = "SELECT coalesce(max(seq), 0) FROM part"
FIRST_SURE = """
SELECT host_boot, at_ns, wall_ns - at_ns, min(seq) FROM part
WHERE seq > ? AND seq <= ? AND clock_ok = 1 GROUP BY host_boot
"""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The first monotonic moment of a boot with a known wall clock, and their difference."""

    at_ns: int
    offset_ns: int


class WallLabels:
    """The wall times of a ledger's parts, corrected where they came before the clock was set.

    Nothing is rewritten: the ledger keeps the label that a row got. A boot during which the clock
    was never known to be right has no anchor, and its labels stay as they are.
    """

    def __init__(self, anchors: Mapping[int, Anchor]) -> None:
        self._anchors = anchors

    def part(self, host_boot: int, at_ns: int, wall_ns: int, *, clock_ok: bool) -> tuple[int, bool]:
        """Return when a part met the photo-eye by the wall clock, and whether that is corrected."""
        anchor = self._anchors.get(host_boot)
        if clock_ok or anchor is None or at_ns > anchor.at_ns:
            return wall_ns, False
        return at_ns + anchor.offset_ns, True


def read_wall_labels(connection: sqlite3.Connection) -> WallLabels:
    """Return the labels of a ledger that is open for reading. Raises sqlite3.Error."""
    anchors = {boot: Anchor(at_ns, offset) for boot, at_ns, offset in connection.execute(KNOWN)}
    unsure = {boot for (boot,) in connection.execute(UNSURE)} - anchors.keys()
    if unsure:
        # An agent that starts with a known clock says nothing about it: its parts do.
        found = _first_sure_parts(connection)
        anchors.update((boot, anchor) for boot, anchor in found.items() if boot in unsure)
    return WallLabels(anchors)


def _first_sure_parts(connection: sqlite3.Connection) -> dict[int, Anchor]:
    """Return the first part with a known clock of each boot; in slices, as an agent may run."""
    found: dict[int, Anchor] = {}
    last = int(connection.execute(LAST).fetchone()[0])
    for after in range(0, last, SLICE_ROWS):
        rows = connection.execute(FIRST_SURE, (after, after + SLICE_ROWS))
        for boot, at_ns, offset_ns, _ in rows:
            found.setdefault(boot, Anchor(at_ns, offset_ns))
    return found
