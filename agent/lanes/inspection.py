"""Trigger and frame -> verdict. No disk and no network on this lane."""

from __future__ import annotations

from collections.abc import Callable

from agent.active_model import ActiveModel
from agent.clock import Clock
from agent.errors import EngineError
from agent.lanes.lane import Lane
from agent.mailbox import NeverLose, NewestWins
from agent.quality.frames import FrameQuality
from agent.records import Frame, Judged, Part, Reason, Verdict, VerdictKind
from agent.schedule import Timing
from bundle.errors import BundleError, FrameError

SPARE_SHARE = 4


class InspectionLane(Lane):
    """Judges. `model` and `camera_fault` are asked anew for each part, so that models can swap.

    `quality` is for a model without one of its own.
    """

    def __init__(
        self,
        parts: NeverLose[Part],
        frames: NewestWins,
        judged: NeverLose[Judged],
        model: Callable[[], ActiveModel | None],
        camera_fault: Callable[[], Reason],
        quality: FrameQuality,
        timing: Timing,
        frame_arrives_ns: int,
        clock: Clock,
    ) -> None:
        super().__init__("inspect", clock)
        self._parts = parts
        self._frames = frames
        self._judged = judged
        self._model = model
        self._camera_fault = camera_fault
        self._quality = quality
        self._timing = timing
        self._frame_arrives_ns = frame_arrives_ns
        self._current: Part | None = None
        self.unanswered = 0

    def step(self) -> None:
        """Judge the oldest waiting part."""
        part = self._parts.take(self.STEP_S)
        if part is None:
            return
        self._current = part
        judged = self._inspect(part)
        self._current = None
        self._answer(judged)

    def on_fault(self) -> None:
        """Leave no part without an answer."""
        part, self._current = self._current, None
        if part is not None:
            self._answer(self._refuse(part, Reason.ENGINE))

    def _inspect(self, part: Part) -> Judged:
        model = self._model()
        if model is None:
            return self._refuse(part, Reason.NOT_READY)
        at_ns = part.trigger.at_ns
        cutoff_ns = self._timing.cutoff_ns(at_ns)
        # Under a lasting overload the oldest part always has just as much time left as it gets. The
        # last quarter is given up while others wait, or whatever comes between would make all late.
        spare_ns = (cutoff_ns - at_ns) // SPARE_SHARE if len(self._parts) else 0
        if self.clock.now_ns() >= cutoff_ns - spare_ns:
            return self._refuse(part, Reason.OVERLOAD)
        fault = self._camera_fault()
        if fault is not Reason.NONE:
            return self._refuse(part, fault)
        until_ns = at_ns + self._timing.frame_within_ns
        late = self.clock.now_ns() > until_ns
        give_up_ns = min(cutoff_ns, until_ns + self._frame_arrives_ns)
        found = self._frames.first_within(at_ns, until_ns, give_up_ns)
        if found is None:
            # Taken up after its time at the camera, the part's frame may have made room already.
            return self._refuse(part, Reason.OVERLOAD if late else Reason.NO_FRAME)
        frame, in_hand_ns = found
        return self._judge(part, frame, in_hand_ns, model)

    def _judge(self, part: Part, frame: Frame, in_hand_ns: int, model: ActiveModel) -> Judged:
        fault = (model.quality or self._quality).fault(frame.pixels)
        if fault:
            return self._refuse(part, Reason(fault), frame)
        try:
            judgement = model.judge(frame.pixels)
        except FrameError:
            return self._refuse(part, Reason.FRAME, frame)
        except (EngineError, BundleError):
            self.faults += 1
            return self._refuse(part, Reason.ENGINE, frame)
        verdict = Verdict(
            part=part,
            kind=VerdictKind(judgement.decision.value),
            score=judgement.score,
            model=model.title,
            frame_ns=frame.taken_ns,
            ready_ns=max(in_hand_ns, part.seen_ns),
            judged_ns=self.clock.now_ns(),
            prepare_us=judgement.prepare_ns // 1000,
            invoke_us=judgement.invoke_ns // 1000,
        )
        return Judged(verdict, frame.pixels)

    def _refuse(self, part: Part, reason: Reason, frame: Frame | None = None) -> Judged:
        verdict = Verdict(
            part=part,
            kind=VerdictKind.UNINSPECTED,
            reason=reason,
            frame_ns=frame.taken_ns if frame else None,
            judged_ns=self.clock.now_ns(),
        )
        return Judged(verdict, frame.pixels if frame else None)

    def _answer(self, judged: Judged) -> None:
        # A gate lane that takes nothing any more rejects; the part is settled there as late.
        if not self._judged.put(judged):
            self.unanswered += 1
