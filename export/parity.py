"""Float against int8 on held-out pictures: what changed, and whether that may be shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import OutputSpec, Thresholds
from bundle.policy import Decision, decide, probabilities
from export.errors import ParityError
from export.interval import Share, share
from training.part_intervals import intervals_by_part
from training.part_metrics import PartFigures, measure_parts

DEFAULT_BOUND = 0.001
# Other answers at one half: gains and losses that cancel out in the accuracy.
DISAGREEMENT_BOUND = 0.003


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One set of pictures that the run did not learn from, with both models' logits.

    `defective` says what each picture is, `float_logits` and `int8_logits` have shape
    (pictures, labels). `remark` says how far the set may be trusted.
    """

    name: str
    remark: str
    pictures: Sequence[str]
    defective: NDArray[np.bool_]
    float_logits: NDArray[np.float32]
    int8_logits: NDArray[np.float32]
    parts: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class PartParity:
    """The int8 model's figures by physical part, at the manifest's thresholds.

    `accuracy` is the 95 % interval of the accuracy at a score of 0.5, from whole parts drawn again:
    what to expect of parts never seen.
    """

    accuracy: tuple[float, float]
    figures: PartFigures


@dataclass(frozen=True, slots=True)
class SetParity:
    """What changed on one set. Accuracies and disagreements are at a score of 0.5.

    `changed` counts other decisions at the manifest's thresholds. A new escape is a defective
    picture that the float model did not pass and the int8 model does.
    """

    name: str
    remark: str
    pictures: int
    defective: int
    float_accuracy: Share
    int8_accuracy: Share
    float_escapes: Share
    int8_escapes: Share
    disagreements: int
    changed: int
    new_escapes: int
    new_false_rejects: int
    worst_shift: float
    worst_picture: str
    allowed_loss: int
    allowed_disagreements: int
    allowed_escapes: int = 0
    by_part: PartParity | None = None

    @property
    def lost(self) -> int:
        """Return how many more pictures the int8 model gets wrong; negative where it gains."""
        return self.float_accuracy.count - self.int8_accuracy.count

    @property
    def passed(self) -> bool:
        """Tell whether the int8 model may stand in for the float model on this set."""
        return not self.failure

    @property
    def failure(self) -> str:
        """Return what is wrong in a few words; empty when nothing is."""
        if self.lost > self.allowed_loss:
            return (
                f"int8 gets {self.lost} of {self.pictures} pictures more wrong than float "
                f"({self.float_accuracy.value:.2%} to {self.int8_accuracy.value:.2%}), and "
                f"{self.allowed_loss} are allowed"
            )
        if self.new_escapes > self.allowed_escapes:
            return (
                f"int8 passes {self.new_escapes} of {self.defective} defective pictures that float "
                f"does not pass at the thresholds, and {self.allowed_escapes or 'none'} may"
            )
        if self.disagreements > self.allowed_disagreements:
            return (
                f"int8 answers otherwise than float on {self.disagreements} of {self.pictures} "
                f"pictures, and {self.allowed_disagreements} are allowed"
            )
        return ""


@dataclass(frozen=True, slots=True)
class ParityReport:
    """The comparison over all held-out sets; `bound` is the allowed drop as a share of 1."""

    bound: float
    sets: tuple[SetParity, ...]

    @property
    def passed(self) -> bool:
        """Tell whether the int8 model may stand in for the float model."""
        return bool(self.sets) and all(one.passed for one in self.sets)

    @property
    def failure(self) -> str:
        """Return what is wrong in one sentence; empty when nothing is."""
        if not self.sets:
            return "there are no held-out pictures to compare float and int8 on"
        return next((f"on {one.name} {one.failure}" for one in self.sets if one.failure), "")


def check_parity(
    sets: Sequence[HeldOut],
    defective: Sequence[int],
    thresholds: Thresholds,
    output: OutputSpec,
    bound: float = DEFAULT_BOUND,
    wanted_escapes: float = 0.0,
) -> ParityReport:
    """Compare the two models on every set; `defective` holds the positions of those labels.

    A set may lose `bound` of its pictures, and one where that is less than one picture. It may have
    no new escape, unless the thresholds were chosen so that the share `wanted_escapes` of the
    defective pass: then as many as it may lose, and no more than the float model passes. Raises
    ScoreError where a model gave no number.
    """
    return ParityReport(
        bound,
        tuple(_compare(one, defective, thresholds, output, bound, wanted_escapes) for one in sets),
    )


def refuse_beyond(report: ParityReport) -> None:
    """Raise ParityError unless the report passed."""
    if not report.passed:
        raise ParityError(
            f"{report.failure}: take another recipe, with recipe pruned-int8 a wider --rung, or "
            "train the run for longer; --force writes the bundle with this failure on its card"
        )


def _compare(
    held_out: HeldOut,
    defective: Sequence[int],
    thresholds: Thresholds,
    output: OutputSpec,
    bound: float,
    wanted_escapes: float,
) -> SetParity:
    truth = held_out.defective
    allowed_loss = max(1, int(bound * len(truth)))
    exact = defect_scores(held_out.float_logits, defective, output)
    rounded = defect_scores(held_out.int8_logits, defective, output)
    before = np.array([decide(score, thresholds) is Decision.PASS for score in exact], bool)
    after = np.array([decide(score, thresholds) is Decision.PASS for score in rounded], bool)
    changed = sum(
        decide(one, thresholds) is not decide(other, thresholds)
        for one, other in zip(exact, rounded, strict=True)
    )
    shifts = np.abs(exact - rounded)
    float_escapes = int((before & truth).sum())
    return SetParity(
        name=held_out.name,
        remark=held_out.remark,
        pictures=len(truth),
        defective=int(truth.sum()),
        float_accuracy=share(int(((exact >= 0.5) == truth).sum()), len(truth)),
        int8_accuracy=share(int(((rounded >= 0.5) == truth).sum()), len(truth)),
        float_escapes=share(float_escapes, int(truth.sum())),
        int8_escapes=share(int((after & truth).sum()), int(truth.sum())),
        disagreements=int(((exact >= 0.5) != (rounded >= 0.5)).sum()),
        changed=changed,
        new_escapes=int((~before & after & truth).sum()),
        new_false_rejects=int((before & ~after & ~truth).sum()),
        worst_shift=float(shifts.max()),
        worst_picture=held_out.pictures[int(shifts.argmax())],
        allowed_loss=allowed_loss,
        allowed_disagreements=max(1, int(max(bound, DISAGREEMENT_BOUND) * len(truth))),
        allowed_escapes=min(float_escapes, allowed_loss, int(wanted_escapes * truth.sum())),
        by_part=_by_part(rounded, held_out, thresholds),
    )


def _by_part(
    scores: NDArray[np.float64], held_out: HeldOut, thresholds: Thresholds
) -> PartParity | None:
    if held_out.parts is None:
        return None
    truth, parts = held_out.defective, held_out.parts
    found = intervals_by_part(scores, truth, parts, 0.5)
    figures = measure_parts(scores, truth, parts, thresholds.recheck_at, thresholds.reject_at)
    return PartParity(found.get("accuracy", (0.0, 1.0)), figures)


def defect_scores(
    logits: NDArray[np.float32], defective: Sequence[int], output: OutputSpec
) -> NDArray[np.float64]:
    """Return the defect score of each picture from logits of shape (pictures, labels)."""
    chances = probabilities(logits, output.temperature)
    scores: NDArray[np.float64] = chances[:, list(defective)].sum(axis=1)
    return scores
