"""What a row's wall time should have been, once the clock of that boot of the machine was set."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

# What was written first after the clock became known says how far the wall is from the monotonic
# clock, which no step moves. A row may be written long after its moment; an event is not.
KNOWN = """
SELECT host_boot, at_ns, wall_ns - at_ns FROM event WHERE kind = 'clock_known'
ORDER BY number DESC
"""
UNSURE = "SELECT DISTINCT host_boot FROM part WHERE clock_ok = 0"
LATER_KNOWN = """
SELECT at_ns, min(wall_ns - at_ns) FROM part WHERE host_boot = ? AND clock_ok = 1
"""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A monotonic moment of a boot at which the wall clock was right, and their difference."""

    at_ns: int
    offset_ns: int


class WallLabels:
    """The wall times of a ledger, corrected where they were written before the clock was set.

    Nothing is rewritten: the ledger keeps the label that a row got. A boot during which the clock
    was never known to be right has no anchor, and its labels stay as they are.
    """

    def __init__(self, anchors: Mapping[int, Anchor]) -> None:
        self._anchors = anchors

    def part(self, host_boot: int, at_ns: int, wall_ns: int, *, clock_ok: bool) -> tuple[int, bool]:
        """Return when a part met the photo-eye by the wall clock, and whether that is corrected."""
        anchor = self._anchors.get(host_boot)
        if clock_ok or anchor is None:
            return wall_ns, False
        return at_ns + anchor.offset_ns, True

    def event(self, host_boot: int, at_ns: int, wall_ns: int) -> int:
        """Return when an event was; one from before the clock was set is corrected."""
        anchor = self._anchors.get(host_boot)
        if anchor is None or at_ns >= anchor.at_ns:
            return wall_ns
        return at_ns + anchor.offset_ns


def read_wall_labels(connection: sqlite3.Connection) -> WallLabels:
    """Return the labels of a ledger that is open for reading. Raises sqlite3.Error."""
    anchors = {boot: Anchor(at_ns, offset) for boot, at_ns, offset in connection.execute(KNOWN)}
    for (boot,) in connection.execute(UNSURE).fetchall():
        if boot not in anchors:
            # An agent that starts with a known clock says nothing about it: its parts do.
            at_ns, offset = connection.execute(LATER_KNOWN, (boot,)).fetchone()
            if at_ns is not None:
                anchors[boot] = Anchor(at_ns, offset)
    return WallLabels(anchors)
