"""What makes the figures of an evaluation less than they seem, in sentences; said before them."""

from __future__ import annotations

from training.assess import Evaluation
from training.escapes import parts_needed
from training.figures import Figures
from training.intervals import upper_bound

_CLAIM = 0.005  # half a percent: what a plant likes to be told


def list_caveats(evaluation: Evaluation) -> list[str]:
    """Return every reason to trust the figures less, the gravest first."""
    return [
        *_of_pictures(evaluation),
        *_of_classes(evaluation),
        *_of_parts(evaluation, evaluation.figures),
    ]


def unreadable_caveat(unreadable: tuple[str, ...]) -> str:
    """Return the sentence about pictures that cannot be read."""
    shown = ", ".join(unreadable[:5]) + (", …" if len(unreadable) > 5 else "")
    return f"{len(unreadable)} pictures cannot be read and are skipped: {shown}"


def claimable_text(defective_parts: int) -> str:
    """Return what so many defective parts can show at best, and what half a percent would need."""
    return (
        f"{defective_parts} defective parts without one escape show a rate below "
        f"{upper_bound(0, defective_parts):.2%} at 95 %; below {_CLAIM:.1%} needs "
        f"{parts_needed(_CLAIM)}"
    )


def _of_pictures(evaluation: Evaluation) -> list[str]:
    found = []
    if evaluation.included_seen:
        found.append(
            f"{evaluation.included_seen} pictures were seen in training: the figures flatter"
        )
    if evaluation.excluded_seen:
        found.append(
            f"{evaluation.excluded_seen} pictures were seen in training: left out of the figures"
        )
    if evaluation.unreadable:
        found.append(unreadable_caveat(evaluation.unreadable))
    if evaluation.other_size:
        found.append(f"{evaluation.other_size} pictures have another size than in training: scaled")
    return found


def _of_classes(evaluation: Evaluation) -> list[str]:
    counts = evaluation.metrics.confusion
    found = []
    if counts.tp + counts.fn == 0:
        found.append("there is no defective picture: recall and escapes cannot be measured")
    if counts.fp + counts.tn == 0:
        found.append("there is no good picture: false rejects cannot be measured")
    one_class = {counts.tp + counts.fp, counts.fn + counts.tn} == {0, evaluation.metrics.pictures}
    if one_class and not found:
        called = "defective" if counts.tn + counts.fn == 0 else "good"
        found.append(f"every picture is called {called}: this model tells nothing apart")
    return found


def _of_parts(evaluation: Evaluation, figures: Figures) -> list[str]:
    if figures.by_part is None:
        return [
            "which pictures show the same part is not known: intervals and bounds take each "
            "picture for a part of its own, and flatter (--split FILE, by linewarden audit)"
        ]
    found = []
    if not evaluation.part_safe:
        found.append(
            "these are not the test parts of the split that the model was trained on: it may have "
            "seen some of them in other pictures, and then the figures flatter"
        )
    if figures.by_part.under_two_labels:
        found.append(
            f"{figures.by_part.under_two_labels} parts stand under both labels: whatever is said "
            "of them is wrong for one"
        )
    parts = figures.by_part.at_half.defective_parts
    if 0 < parts < parts_needed(_CLAIM):
        found.append(claimable_text(parts))
    return found
