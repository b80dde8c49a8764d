"""The inspection lane when the model fails or is too slow: every part is answered, none twice."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.active_model import Judgement
from agent.clock import ManualClock
from agent.config import document as config
from agent.config.quality import Quality
from agent.errors import EngineError
from agent.lanes.inspection import InspectionLane
from agent.mailbox import NeverLose, NewestWins
from agent.quality.frames import FrameQuality
from agent.records import Frame, Part, Reason, Trigger, VerdictKind
from agent.schedule import Timing
from bundle.errors import FrameError, ScoreError
from bundle.policy import Decision

MS = 1_000_000
PIXELS = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (64, 1))


class Model:
    """Takes its time and then answers, or does what a test says."""

    title = "scripted-1"
    quality = None  # the line's own

    def __init__(self, desk):
        self.desk = desk
        self.asked = 0
        self.takes_ms = 5.0
        self.faults = []

    def judge(self, pixels):
        """Judge one frame."""
        self.asked += 1
        self.desk.clock.advance(round(self.takes_ms * MS))
        if self.faults:
            raise self.faults.pop(0)
        return Judgement(Decision.PASS, 0.1, 0, round(self.takes_ms * MS))


class Desk:
    """The lane between its boxes, with parts and frames from a test."""

    def __init__(self, most_parts=64, most_judged=10_000):
        self.clock = ManualClock(10**9)
        self.timing = Timing.from_config(config.Timing())
        self.parts, self.judged = NeverLose(most_parts), NeverLose(most_judged)
        self.camera_fault = Reason.NONE
        self.frames = NewestWins(self.clock, self.timing.cutoff_ns(0))
        self.model = Model(self)
        quality = FrameQuality(Quality())
        self.lane = InspectionLane(
            self.parts, self.frames, self.judged, lambda: self.model, lambda: self.camera_fault,
            quality, self.timing, 0, self.clock,
        )  # fmt: skip
        self.lane.STEP_S = 0
        self.count = self.overflow = 0

    def part(self, pixels=PIXELS):
        """Let a part and its frame come now."""
        self.count += 1
        now_ns = self.clock.now_ns()
        if not self.parts.put(Part(self.count, Trigger(1, self.count, now_ns), now_ns)):
            self.overflow += 1  # the gate lane answers these with `overload`
        self.frames.put(Frame(pixels, now_ns + MS, self.count))

    def step(self):
        """Let the lane come round as its thread does."""
        self.lane._guarded(self.lane.step)

    def answers(self):
        """Return (part, kind, reason) of what was judged since."""
        verdicts = [judged.verdict for judged in self.judged.take_all(0.0)]
        for one in verdicts:
            began_ns = one.judged_ns - round(self.model.takes_ms * MS)
            late = began_ns >= self.timing.cutoff_ns(one.part.trigger.at_ns)
            assert one.kind is VerdictKind.UNINSPECTED or not late, "the model was asked in vain"
        return [(one.part.seq, one.kind, one.reason) for one in verdicts]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (EngineError("the interpreter failed"), Reason.ENGINE),
        (ScoreError("no number"), Reason.ENGINE),
        (FrameError("64x64, wanted 300x300"), Reason.FRAME),
        (RuntimeError("a bug in a library"), Reason.ENGINE),
        (MemoryError(), Reason.ENGINE),
    ],
)
def test_a_model_that_raises_costs_that_part_only(fault, reason):
    """Row 3: that part is UNINSPECTED with its reason; the lane lives, the next one is judged."""
    desk = Desk()
    desk.model.faults.append(fault)
    for _ in range(2):
        desk.part()
        desk.clock.advance(2 * MS)
        desk.step()
    assert desk.answers() == [
        (1, VerdictKind.UNINSPECTED, reason),
        (2, VerdictKind.PASS, Reason.NONE),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": None}, Reason.NOT_READY),
        ({"camera_fault": Reason.CAMERA_LOST}, Reason.CAMERA_LOST),
    ],
)
def test_without_a_model_or_a_camera_nobody_guesses(change, reason):
    """The part is UNINSPECTED by what is missing; once it is back parts are judged again."""
    desk = Desk()
    before = {name: getattr(desk, name) for name in change}
    vars(desk).update(change)
    desk.part()
    desk.step()
    vars(desk).update(before)
    desk.part()
    desk.clock.advance(2 * MS)
    desk.step()
    verdicts = [judged.verdict for judged in desk.judged.take_all(0.0)]
    assert [one.reason for one in verdicts] == [reason, Reason.NONE]


def test_a_frame_that_shows_nothing_never_reaches_the_model():
    """A black frame is UNINSPECTED by that name, and it is kept for the engineer."""
    desk = Desk()
    desk.part(np.zeros_like(PIXELS))
    desk.clock.advance(2 * MS)
    desk.step()
    (judged,) = desk.judged.take_all(0.0)
    assert (judged.verdict.kind, judged.verdict.reason) == (
        VerdictKind.UNINSPECTED,
        Reason.BLACK,
    )
    assert judged.pixels is not None
    assert desk.model.asked == 0


def test_an_answer_that_nobody_takes_is_counted_and_stops_nothing():
    """The gate lane settles that part as late; the lane goes on with the next."""
    desk = Desk(most_judged=1)
    for _ in range(3):
        desk.part()
        desk.clock.advance(2 * MS)
        desk.step()
    assert desk.lane.unanswered == 2
    assert desk.answers() == [(1, VerdictKind.PASS, Reason.NONE)]


def test_a_fault_without_a_part_in_hand_answers_for_nobody():
    """Between two parts there is no part to be made UNINSPECTED."""
    desk = Desk()
    desk.lane.on_fault()
    assert desk.answers() == []


def test_a_model_that_is_too_slow_gives_a_late_verdict_and_not_a_guess():
    """Row 1: the verdict says when it was made; the gate lane finds it late."""
    desk = Desk()
    desk.model.takes_ms = 1000.0
    desk.part()
    desk.clock.advance(2 * MS)
    desk.step()
    (judged,) = desk.judged.take_all(0.0)
    assert judged.verdict.judged_ns > desk.timing.cutoff_ns(judged.verdict.part.trigger.at_ns)


@pytest.mark.parametrize("load", [1.5, 2.0, 5.0])
def test_more_parts_than_can_be_judged_are_shed_and_the_rest_stay_on_time(load):
    """Row 6: the excess is `overload`, unasked; who is judged is judged before the cut-off."""
    desk = Desk()
    desk.model.takes_ms = 40.0
    pitch_ns = round(desk.model.takes_ms / load * MS)
    due_ns, answers = desk.clock.now_ns(), []
    while desk.count < 600 or len(desk.parts) > 0:
        while desk.count < 600 and desk.clock.now_ns() >= due_ns:
            desk.part()
            due_ns += pitch_ns
        before, waiting = desk.model.asked, len(desk.parts) > 0
        desk.step()
        answers += desk.answers()
        if waiting and desk.model.asked == before:
            assert answers[-1][1:] == (VerdictKind.UNINSPECTED, Reason.OVERLOAD)
        elif not waiting:
            desk.clock.advance(MS)
    judged = [one for one in answers if one[1] is VerdictKind.PASS]
    assert len(answers) + desk.overflow == 600
    assert len({number for number, *_ in answers}) == len(answers)
    assert len(judged) == desk.model.asked
    # What the model manages is used for parts that can still be gated, not for parts gone by.
    assert len(judged) > 600 / load * 0.5
    assert {reason for _, kind, reason in answers if kind is VerdictKind.UNINSPECTED} == {
        Reason.OVERLOAD
    }


def test_under_overload_what_is_judged_leaves_time_for_what_comes_after_the_lane():
    """Row 6: the model takes now more and now less, and a verdict has yet to reach the gate."""
    desk, verdicts, due_ns = Desk(), [], 10**9
    while desk.count < 600 or len(desk.parts) > 0:
        while desk.count < 600 and desk.clock.now_ns() >= due_ns:
            desk.part()
            due_ns += 20 * MS
        desk.model.takes_ms = 200.0 if desk.model.asked % 20 == 19 else 20.0 + desk.count % 41
        if not len(desk.parts):
            desk.clock.advance(MS)
        desk.step()
        verdicts += [judged.verdict for judged in desk.judged.take_all(0.0)]
    judged = [one for one in verdicts if one.kind is VerdictKind.PASS]
    on_time = [
        one
        for one in judged
        if one.judged_ns + 20 * MS < desk.timing.cutoff_ns(one.part.trigger.at_ns)
    ]
    assert len(judged) > 200
    assert len(on_time) > 0.9 * len(judged)


def test_memory_stays_however_many_parts_go_by():
    """Row 64: nothing on this lane grows with the parts."""
    desk = Desk()

    def run(count):
        for _ in range(count):
            desk.part()
            desk.clock.advance(2 * MS)
            desk.step()
            desk.answers()

    run(500)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run(3_000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 100_000


@settings(deadline=None)
@given(st.lists(st.sampled_from(["part", "fault", "slow", "step"]), max_size=80))
def test_every_part_is_answered_once_whatever_happens(moves):
    """Random parts, faults and delays: each part in the box has one answer, in its order."""
    desk = Desk(most_parts=8)
    for move in [*moves, *["step"] * 10]:
        if move == "part":
            desk.part()
        elif move == "fault":
            desk.model.faults.append(RuntimeError("x"))
        elif move == "slow":
            desk.clock.advance(300 * MS)
        else:
            desk.clock.advance(2 * MS)
            desk.step()
    numbers = [number for number, *_ in desk.answers()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == desk.count - desk.overflow
