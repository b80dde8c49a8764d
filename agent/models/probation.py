"""Whether a new model does well on the line: its first parts against those of the one before."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from agent.config.model import Probation as Section
from agent.records import Judged, Reason, VerdictKind
from bundle import judging

FEWEST_PARTS = 50  # fewer prove nothing about a share
REMEMBERED = 1000
SLOW_SHARE = 0.01
# A difference of shares that chance alone brings about once in some 15,000 comparisons.
NOISE_Z = 4.0
# So many rejects were to be expected, and none came: once in 20,000 by chance.
EXPECTED_REJECTS = 10.0

# Why a part is UNINSPECTED when the model is to blame: it failed, or it was too slow.
MODEL_REASONS = frozenset({Reason.ENGINE, Reason.FRAME, Reason.OVERLOAD, Reason.LATE})

Ending = Literal["running", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one part says of its model; UNINSPECTED only where that was the model's doing."""

    kind: VerdictKind
    score: float | None
    took_ns: int  # from the photo-eye to the verdict


def seen_of(judged: Judged) -> Seen | None:
    """Return what a part says of its model; None where it says nothing.

    A lost camera or a covered lens is no model's fault, nor is what was amended afterwards,
    which has a score and no picture.
    """
    verdict = judged.verdict
    at_ns = verdict.part.trigger.at_ns
    took_ns = max(0, (verdict.judged_ns or at_ns) - at_ns)
    if verdict.kind is not VerdictKind.UNINSPECTED:
        return None if verdict.score is None else Seen(verdict.kind, verdict.score, took_ns)
    amended = verdict.score is not None and judged.pixels is None
    if verdict.reason not in MODEL_REASONS or amended:
        return None
    return Seen(verdict.kind, None, took_ns)


@dataclass(slots=True)
class Figures:
    """Counts over some parts of one model. `slow` took longer than the limit they were added by."""

    parts: int = 0
    uninspected: int = 0
    slow: int = 0
    not_passed: int = 0
    score_sum: float = 0.0
    score_squares: float = 0.0

    def add(self, seen: Seen, limit_ns: int) -> None:
        """Count one part."""
        self.parts += 1
        self.slow += seen.took_ns > limit_ns
        if seen.score is None:
            self.uninspected += 1
            return
        self.not_passed += seen.kind is not VerdictKind.PASS
        self.score_sum += seen.score
        self.score_squares += seen.score * seen.score

    @property
    def judged(self) -> int:
        """Return how many parts have a score."""
        return self.parts - self.uninspected

    @property
    def reject_share(self) -> float:
        """Return the share of the judged parts that were not passed."""
        return self.not_passed / self.judged if self.judged else 0.0

    @property
    def score_mean(self) -> float:
        """Return the mean score."""
        return self.score_sum / self.judged if self.judged else 0.0

    @property
    def score_variance(self) -> float:
        """Return the variance of the scores."""
        if not self.judged:
            return 0.0
        return max(0.0, self.score_squares / self.judged - self.score_mean**2)


class History:
    """The last parts of the model that judges: what the next one is held against."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque(maxlen=REMEMBERED)

    def add(self, seen: Seen) -> None:
        """Remember one part."""
        self._seen.append(seen)

    def clear(self) -> None:
        """Forget all: another model judges."""
        self._seen.clear()

    @property
    def fits(self) -> bool:
        """Whether the model has judged a part here: its frames are those of the camera."""
        return any(seen.score is not None for seen in self._seen)

    def figures(self, limit_ns: int) -> Figures | None:
        """Return the counts of the parts remembered; None of too few."""
        if len(self._seen) < FEWEST_PARTS:
            return None
        figures = Figures()
        for seen in self._seen:
            figures.add(seen, limit_ns)
        return figures


class Probation:
    """The first parts of a new model. One thread adds and asks.

    It fails as soon as it cannot pass any more, and passes when both the parts and the minutes
    are over. `before` is what the model before did on this line; None where nobody knows.
    """

    def __init__(
        self, section: Section, title: str, limit_ns: int, before: Figures | None, began_ns: int
    ) -> None:
        self._section = section
        self.title = title
        self._limit_ns = round(section.max_p99_ms * 1e6) or limit_ns
        self._before = before
        self._began_ns = began_ns
        self._now = Figures()

    def add(self, seen: Seen) -> None:
        """Take in one part that the new model met."""
        self._now.add(seen, self._limit_ns)

    def findings(self) -> tuple[str, ...]:
        """Return what is wrong with the new model, each in one sentence."""
        return (*self._slowness(), *self._rejects(), *self._scores())

    def ending(self, now_ns: int) -> Ending:
        """Return how it stands at this moment."""
        if self.findings():
            return "failed"
        over = self._minutes(now_ns) >= self._section.minutes
        return "passed" if over and self._now.parts >= self._section.parts else "running"

    def status(self, now_ns: int) -> judging.Probation:
        """Return how far it has come."""
        return judging.Probation(
            parts=self._now.parts,
            wanted_parts=self._section.parts,
            minutes=round(self._minutes(now_ns), 2),
            wanted_minutes=self._section.minutes,
            findings=self.findings(),
            state=self.ending(now_ns),
            title=self.title,
        )

    def _minutes(self, now_ns: int) -> float:
        return (now_ns - self._began_ns) / 60e9

    def _slowness(self) -> list[str]:
        """Count parts that came too late, or to nothing, through the model."""
        now, before = self._now, self._before
        among = max(self._section.parts, now.parts)
        usual = before.uninspected / before.parts if before else 0.0
        allowed = (usual + self._section.max_uninspected_share) * among
        found = []
        if now.uninspected > allowed:
            found.append(
                f"{now.uninspected} of {now.parts} parts were UNINSPECTED because the model failed "
                f"or was too slow (at most {math.floor(allowed)} of {among} may be)"
            )
        usual = before.slow / before.parts if before else 0.0
        allowed = (usual + SLOW_SHARE) * among
        if now.slow > allowed:
            found.append(
                f"{now.slow} of {now.parts} verdicts took longer than "
                f"{self._limit_ns / 1e6:.0f} ms (at most {math.floor(allowed)} of {among} may)"
            )
        return found

    def _rejects(self) -> list[str]:
        """Hold the share of parts not passed against the model before."""
        now, before, section = self._now, self._before, self._section
        if now.judged < min(FEWEST_PARTS, section.parts):
            return []
        share = now.reject_share
        if before is None or not before.judged:
            if share - _noise(now, None) <= section.max_reject_share:
                return []
            return [f"it rejects {share:.1%} of the parts (max_reject_share)"]
        usual = before.reject_share
        if abs(share - usual) > section.max_reject_shift + _noise(now, before):
            return [f"it rejects {share:.1%} of the parts, the model before {usual:.1%}"]
        expected = usual * now.judged
        if now.not_passed == 0 and expected >= EXPECTED_REJECTS:
            return [f"it passed all {now.judged} parts; the model before rejected {usual:.1%}"]
        return []

    def _scores(self) -> list[str]:
        now, before = self._now, self._before
        if before is None or not before.judged or now.judged < FEWEST_PARTS:
            return []
        spread = now.score_variance / now.judged + before.score_variance / before.judged
        allowed = self._section.max_score_shift + NOISE_Z * math.sqrt(spread)
        if abs(now.score_mean - before.score_mean) <= allowed:
            return []
        means = f"{now.score_mean:.2f}, that of the model before {before.score_mean:.2f}"
        return [f"its mean score is {means}"]


def _noise(now: Figures, before: Figures | None) -> float:
    """Return by how much two shares of rejects may differ by chance."""
    parts, rejects = now.judged, now.not_passed
    weight = 1 / now.judged
    if before is not None:
        parts, rejects = parts + before.judged, rejects + before.not_passed
        weight += 1 / before.judged
    share = (rejects + 0.5) / (parts + 1)
    return NOISE_Z * math.sqrt(share * (1 - share) * weight)
