"""The mailboxes between the lanes, and how much each holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.clock import Clock
from agent.mailbox import NeverLose, NewestWins
from agent.records import Committed, Judged, Part, ToRecorder
from agent.schedule import Timing

TO_RECORDER = 20_000  # small records; minutes of a failing disk at 50 parts a second
TO_GATE = 4096


@dataclass(slots=True)
class Boxes:
    """The mailboxes between the lanes."""

    frames: NewestWins
    parts: NeverLose[Part]
    judged: NeverLose[Judged]
    committed: NeverLose[Committed]
    recorder: NeverLose[ToRecorder]


def build_boxes(timing: Timing, wake_gate: Callable[[], None], clock: Clock) -> Boxes:
    """Return empty boxes; `wake_gate` is called when there is something for the gate lane.

    A frame is kept for as long as a part that it shows may wait for its turn: beyond the cut-off
    no part is judged any more.
    """
    return Boxes(
        frames=NewestWins(clock, timing.cutoff_ns(0)),
        parts=NeverLose(timing.max_in_flight),
        judged=NeverLose(TO_GATE, on_put=wake_gate),
        committed=NeverLose(TO_GATE, on_put=wake_gate),
        recorder=NeverLose(TO_RECORDER),
    )
