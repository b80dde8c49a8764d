"""The wall clock's steps are told, its labels marked; timing and order do not move."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.clock import ManualClock
from agent.config.document import Ledger
from agent.lanes.recorder import RecorderLane
from agent.ledger.export import export_csv
from agent.ledger.reader import Selection
from agent.ledger.store import open_ledger
from agent.mailbox import NeverLose
from agent.pictures.store import PictureStore
from agent.plant.messages import result_message
from agent.records import GateOutcome, Judged, OutcomeCode, Part, Trigger, Verdict, VerdictKind
from agent.wall_time import iso_time
from agent.wall_watch import WallWatch

SECOND = 10**9
HOUR = 3600 * SECOND
YEAR = 365 * 24 * HOUR


@pytest.mark.parametrize(
    ("step_ns", "says"),
    [
        (-HOUR, "set back by 3600.0 s, from 2023-11-14 23:13:21 UTC to 2023-11-14 22:13:21 UTC"),
        (10 * YEAR, "set forward by 315360000.0 s"),
        (600_000_000, "set forward by 0.6 s"),
    ],
)
def test_a_step_is_told_once_with_both_times(step_ns, says):
    """An hour back, ten years forward, or half a second: one event each."""
    clock, watch = ManualClock(), WallWatch()
    assert watch.observe(clock.now_ns(), clock.wall_ns(), known=True) == ()
    clock.advance(HOUR + SECOND)
    assert watch.observe(clock.now_ns(), clock.wall_ns(), known=True) == ()
    clock.step_wall(step_ns)
    (event,) = watch.observe(clock.now_ns(), clock.wall_ns(), known=True)
    assert event.kind == "clock_step"
    assert says in event.text
    assert watch.observe(clock.now_ns(), clock.wall_ns(), known=True) == ()


def test_a_clock_that_is_slewed_is_no_news():
    """Small corrections are what time services do all day."""
    clock, watch = ManualClock(), WallWatch()
    for _ in range(50):
        clock.advance(SECOND)
        clock.step_wall(5_000_000)
        assert watch.observe(clock.now_ns(), clock.wall_ns(), known=True) == ()


def test_it_says_when_times_can_be_believed():
    """Unsure at the start is told, and so is the time service's first word; sure is no news."""
    watch = WallWatch()
    assert [e.kind for e in watch.observe(0, 0, known=False)] == ["clock_unsure"]
    assert watch.observe(1, 1, known=False) == ()
    assert [e.kind for e in watch.observe(2, 2, known=True)] == ["clock_known"]
    assert [e.kind for e in watch.observe(3, 3, known=False)] == ["clock_unsure"]
    assert WallWatch().observe(0, 0, known=True) == ()


class Line:
    """A recorder on a real ledger under a clock moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(SECOND, wall_ns=0)
        self.box = NeverLose(100)
        self.ledger = open_ledger(folder, self.clock, ballast_bytes=4096)
        watch = SimpleNamespace(observe=lambda *_: ())
        self.lane = RecorderLane(
            self.box, lambda _: True, self.ledger, PictureStore(folder / "p", 0), watch,
            Ledger(folder=str(folder)), self.clock,
        )  # fmt: skip
        self.count = 0

    def part(self) -> None:
        """Let a part go by."""
        self.count += 1
        part = Part(self.ledger.sequencer.next(), Trigger(1, self.count, self.clock.now_ns()))
        verdict = Verdict(part, VerdictKind.REJECT, score=0.9)
        self.clock.advance(SECOND)
        outcome = GateOutcome(1, self.count, OutcomeCode.REJECTED, self.clock.now_ns())
        for item in (part, Judged(verdict), outcome):
            assert self.box.put(item)
        self.lane.step()

    def results(self) -> list[dict]:
        """Return what the plant would get."""
        rows = self.ledger.unpublished(100)
        return [json.loads(result_message(r, "d", "e", self.clock.now_ns())) for r in rows]

    def events(self) -> list[str]:
        """Return the kinds of the events."""
        self.lane.step()
        return [row.kind for row in self.ledger.unpublished_events(100)]


def test_what_the_recorder_notes_corrects_what_it_wrote_before(tmp_path):
    """Unsure, then set by a time service while the disk failed: told late, but right."""
    line = Line(tmp_path)
    line.clock.wall_known = False
    line.part()
    line.clock.step_wall(1_800_000_000 * SECOND)
    line.clock.wall_known = True
    line.clock.advance(SECOND)
    line.lane.step()  # notices that the clock is known
    line.clock.advance(HOUR)  # and can write that only now
    line.lane.step()
    line.part()
    line.ledger.close()
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "parts.csv"
    assert export_csv(tmp_path, file, Selection()) == 2
    with file.open(encoding="utf-8", newline="") as content:
        first, last = csv.DictReader(content)
    assert (first["corrected"], last["corrected"]) == ("True", "False")
    assert first["at"] == "2027-01-15T08:00:00.000Z"
    apart_ns = int(last["at_ns"]) - int(first["at_ns"])
    assert last["at"] == iso_time((1_800_000_000 + apart_ns // SECOND) * SECOND)


def test_rows_of_a_clock_that_is_not_set_are_marked_and_stay_in_order(tmp_path):
    """A board that starts in 1970 and is then set, put back an hour and ten years ahead."""
    line = Line(tmp_path)
    line.clock.wall_known = False
    line.part()
    line.clock.step_wall(1_800_000_000 * SECOND)
    line.clock.wall_known = True
    line.part()
    line.clock.step_wall(-HOUR)
    line.part()
    line.clock.step_wall(10 * YEAR)
    line.part()
    results = line.results()
    kinds = line.events()
    line.ledger.close()
    assert [body["seq"] for body in results] == sorted(body["seq"] for body in results)
    assert [body["clock_ok"] for body in results] == [False, True, True, True]
    assert [body["at"][:4] for body in results] == ["1970", "2027", "2027", "2037"]
    assert {body["gate_ms"] for body in results} == {1000.0}  # no step reaches a difference
    assert not any(body["replayed"] for body in results)
    assert kinds.count("clock_step") == 3
    assert kinds.count("clock_known") == 1
