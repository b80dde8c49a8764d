"""A model that looks at the same parts as the active one and decides about none of them."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.active_model import ActiveModel, Judgement
from agent.clock import Clock
from agent.errors import EngineError
from agent.lanes.lane import Lane, LaneOverError
from agent.mailbox import NeverLose
from agent.records import Judged, Verdict, VerdictKind
from bundle import judging
from bundle.errors import BundleError

END_S = 1.0
WAITING = 8  # parts; more are dropped, for a shadow must cost the line nothing
MOST_PICTURES = 100
FAILED_IN_A_ROW = 20
JPEG_QUALITY = 95


class Beside:
    """The place beside the model that judges. One thread starts and stops, others offer and ask."""

    def __init__(self, folder: Path, tell: Callable[[str, str], None], clock: Clock) -> None:
        self._folder = folder
        self._tell = tell
        self._clock = clock
        self._lane: ShadowLane | None = None

    @property
    def sha256(self) -> str:
        """Return the hash of the shadow's bundle; empty while there is none."""
        lane = self._lane
        return lane.model.sha256 if lane is not None else ""

    def start(self, model: ActiveModel) -> None:
        """Let a model look at the parts."""
        self.stop()
        self._lane = ShadowLane(model, self._folder, self._tell, self._clock)
        self._lane.start()

    def stop(self) -> None:
        """End what looks at the parts, and tell what came of it."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.stop()
            lane.wait(END_S)
            self._tell("shadow_report", lane.sentence())

    def offer(self, judged: Judged) -> None:
        """Show a judged part; never waits."""
        lane = self._lane
        if lane is not None:
            lane.offer(judged)

    def status(self) -> judging.Shadow | None:
        """Return what has been seen so far; None while there is no shadow."""
        lane = self._lane
        return lane.status() if lane is not None else None


class ShadowLane(Lane):
    """Judges parts a second time, behind the commit of their rows, and keeps those that differ.

    `offer` may be called by any one lane and never waits; `tell` takes an event's kind and text.
    """

    def __init__(
        self, model: ActiveModel, folder: Path, tell: Callable[[str, str], None], clock: Clock
    ) -> None:
        super().__init__("shadow", clock)
        self.model = model
        self.folder = folder / model.title
        self._tell = tell
        self._inbox: NeverLose[Judged] = NeverLose(WAITING)
        self._agree = self._failed = self._in_a_row = 0
        self._new_rejects = self._old_rejects = self._rechecks = 0
        self._kept: deque[Path] = deque()
        _clear_others(folder, model.title)
        self._kept.extend(sorted(self.folder.glob("*.jpg")))

    def offer(self, judged: Judged) -> None:
        """Take a judged part if there is room; without a picture and a score it says nothing."""
        if judged.pixels is not None and judged.verdict.score is not None:
            self._inbox.put(judged)

    def step(self) -> None:
        """Judge the oldest waiting part."""
        judged = self._inbox.take(self.STEP_S)
        if judged is None or judged.pixels is None:
            return
        try:
            judgement = self.model.judge(judged.pixels)
        except (EngineError, BundleError) as error:
            self._fail(error)
            return
        self._in_a_row = 0
        self._compare(judged.verdict, judgement, judged.pixels)

    def end(self) -> None:
        """Free the model."""
        self.model.close()

    def status(self) -> judging.Shadow:
        """Return what has been seen so far."""
        differ = self._differ
        return judging.Shadow(
            title=self.model.title,
            parts=self._agree + differ,
            agree=self._agree,
            only_new_rejects=self._new_rejects,
            only_old_rejects=self._old_rejects,
            rechecks_differ=self._rechecks,
            pictures=str(self.folder),
            dropped=self._inbox.refused,
            failed=self._failed,
        )

    @property
    def _differ(self) -> int:
        return self._new_rejects + self._old_rejects + self._rechecks

    def _compare(self, old: Verdict, new: Judgement, pixels: NDArray[np.uint8]) -> None:
        kind = VerdictKind(new.decision.value)
        if kind is old.kind or old.kind is VerdictKind.UNINSPECTED:
            self._agree += kind is old.kind
            return
        if VerdictKind.RECHECK in (kind, old.kind):
            self._rechecks += 1
        elif kind is VerdictKind.REJECT:
            self._new_rejects += 1
        else:
            self._old_rejects += 1
        self._keep(old, kind, new.score, pixels)
        # The first, the tenth, the hundredth: many of them say no more than that.
        if str(self._differ).rstrip("0") == "1":
            self._tell("shadow_differs", self.sentence())

    def sentence(self) -> str:
        """Say what has been seen so far."""
        seen = self._agree + self._differ
        return (
            f"{self.model.title}, beside the model that judges, differs in {self._differ} of "
            f"{seen} parts: it alone rejects {self._new_rejects}, it alone passes "
            f"{self._old_rejects}; pictures in {self.folder}"
        )

    def _keep(
        self, old: Verdict, kind: VerdictKind, score: float, pixels: NDArray[np.uint8]
    ) -> None:
        """Keep a picture under a name that says all; one that cannot be kept is only a picture."""
        name = f"{old.part.seq:010d}-{old.kind.value}-{old.score:.3f}-{kind.value}-{score:.3f}.jpg"
        path = self.folder / name
        with suppress(OSError, cv2.error):
            done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            if not done:
                return
            while len(self._kept) >= MOST_PICTURES:
                self._kept.popleft().unlink(missing_ok=True)
            self.folder.mkdir(parents=True, exist_ok=True)
            self._kept.append(path)
            path.write_bytes(encoded.tobytes())

    def _fail(self, error: Exception) -> None:
        self._failed += 1
        self._in_a_row += 1
        if self._failed == 1:
            self._tell("shadow_failed", f"{self.model.title} gave no verdict: {error}")
        if self._in_a_row >= FAILED_IN_A_ROW:
            text = f"{self.model.title} gave no verdict {FAILED_IN_A_ROW} times in a row: {error}"
            self._tell("shadow_failed", text)
            raise LaneOverError(text)


def _clear_others(folder: Path, title: str) -> None:
    """Take away the pictures of earlier shadows: they would fill the disk over the years."""
    with suppress(OSError):
        for other in folder.iterdir():
            if other.name != title and other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
