"""An audit -> its findings in sentences, the gravest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from training.audit.audit import Audit
from training.audit.oddities import OddKind
from training.audit.part_findings import random_leak
from training.audit.parts import LEAST_INLIERS
from training.audit.split import CLEAR_MAJORITY
from training.audit.trivial import (
    GRAVE_AUC,
    GRAVE_TOGETHER,
    WARN_AUC,
    WARN_TOGETHER,
    TrivialReport,
)

Gravity = Literal["grave", "warning", "note"]

FEW_PARTS = 100
LARGE_PART_SHARE = 0.1
WARN_WRONG_LINKS = 0.005
WARN_IMBALANCE = 4.0

_ORDER: dict[Gravity, int] = {"grave": 0, "warning": 1, "note": 2}
_ODD: dict[OddKind, tuple[Gravity, str, str]] = {
    "near_constant": (
        "warning", "are one gray almost everywhere",
        "A lens cap, a lamp that was off or an empty belt; a model learns nothing from them.",
    ),
    "tiny": (
        "warning", "are tiny", "What a defect looks like is lost at that size: leave them out.",
    ),
    "odd_size": (
        "note", "have another size than most",
        "They are scaled. If one class has them more often, their blur gives the class away.",
    ),
    "odd_mode": (
        "note", "are stored in another format or mode than most",
        "They come from another program or camera; see whether one class has more of them.",
    ),
    "turned": (
        "note", "are turned by EXIF",
        "They are trained on upright, as EXIF says; a camera on the line sends no EXIF.",
    ),
    "outlier": (
        "warning", "look unlike all others",
        "Often another part, a hand in the picture or a lamp that failed: look at them.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know; `section` is where the page shows it."""

    gravity: Gravity
    section: str
    title: str
    text: str


def list_findings(audit: Audit) -> tuple[Finding, ...]:
    """Return all findings in order of gravity."""
    found = [
        *_contradictions(audit),
        *_leaks(audit),
        *trivial_findings(audit.trivial),
        *_unreadable(audit),
        *_groups(audit),
        *_oddities(audit),
        *_copies(audit),
        *_counts(audit),
    ]
    return tuple(sorted(found, key=lambda each: _ORDER[each.gravity]))


def trivial_findings(trivial: TrivialReport) -> Iterator[Finding]:
    """Say which figures that have nothing to do with the part give its label away."""
    best = trivial.features[0]
    if best.separation >= WARN_AUC:
        higher = "higher" if best.auc > 0.5 else "lower"
        yield Finding(
            "grave" if best.separation >= GRAVE_AUC else "warning",
            "trivial",
            f"The {best.name} alone tells defective from good in {best.separation:.0%} of pairs",
            f"It is {higher} for defective ones (AUC {best.separation:.3f}; 0.5 would be chance). "
            f"{_CAMERA}",
        )
    if trivial.together is not None and trivial.together >= WARN_TOGETHER:
        yield Finding(
            "grave" if trivial.together >= GRAVE_TOGETHER else "warning",
            "trivial",
            "A model that sees only file size, brightness, sharpness and the like reaches "
            f"{trivial.together:.1%} balanced accuracy",
            f"Guessing gives 50 %. Such a model has not seen the part at all. {_CAMERA}",
        )


_CAMERA = (
    "The pictures of the two classes were taken or stored in different ways, or the defect changes "
    "the whole picture. In the first case a network learns the camera instead of the defect and "
    "fails when light or camera change: take both classes in one go, with the same settings."
)


def _contradictions(audit: Audit) -> Iterator[Finding]:
    if not audit.contradictions:
        return
    pictures = sum(each.count for each in audit.contradictions)
    identical = sum(each.identical for each in audit.contradictions)
    same = f" {identical} of them by the very same bytes." if identical else ""
    yield Finding(
        "grave",
        "contradictions",
        f"{_parts(len(audit.contradictions))} under two labels ({_pictures(pictures)})",
        f"No model can learn both.{same} Either a label is wrong, or the grouping took two parts "
        "for one: look at the pictures. A split leaves out the few of a part whose label is not "
        f"that of {CLEAR_MAJORITY:.0%} of its pictures, or all of it where no label has so many.",
    )


def _leaks(audit: Audit) -> Iterator[Finding]:
    if audit.leaks:
        row = audit.leaks[0]
        if row.same_part == 0:
            return
        yield Finding(
            "grave",
            "leaks",
            f"{row.same_part / row.pictures:.1%} of the pictures in test/ show a part that is in "
            f"train/ too ({row.same_part} of {row.pictures})",
            f"{row.identical} of them are byte-identical to a training picture. A figure measured "
            "on this test/ says how well a model remembers, not how it does on parts that it has "
            "never seen: use a part-safe split (--write-split).",
        )
        return
    share = random_leak(audit.part_of, 0.2)
    if share > 0.01:
        yield Finding(
            "warning",
            "leaks",
            f"A split by picture would leak: {share:.1%} of its test pictures would have another "
            "picture of the same part in training",
            "Use a part-safe split (--write-split), which keeps whole parts together.",
        )


def _unreadable(audit: Audit) -> Iterator[Finding]:
    unreadable = audit.scan.unreadable
    if unreadable:
        reasons = Counter(each.why for each in unreadable).most_common()
        text = "; ".join(f"{why} ({count})" for why, count in reasons)
        yield Finding(
            "warning",
            "files",
            f"{_pictures(len(unreadable))} cannot be read",
            f"{text}. They are skipped everywhere.",
        )


def _groups(audit: Audit) -> Iterator[Finding]:
    for row in audit.labels:
        if row.parts < FEW_PARTS:
            yield Finding(
                "warning",
                "parts",
                f"Only {row.parts} physical parts are {row.label}, on {_pictures(row.pictures)}",
                f"A test of all of them without one mistake would still allow an error rate of "
                f"{min(1.0, 3 / row.parts):.1%} (3/n, at 95 %): more parts are needed, not more "
                "pictures of the same.",
            )
    largest = Counter(audit.part_of).most_common(1)[0][1]
    if largest > max(20, LARGE_PART_SHARE * len(audit.part_of)):
        yield Finding(
            "note",
            "parts",
            f"One part has {largest} pictures, {largest / len(audit.part_of):.0%} of all",
            "Parts that look exactly alike may have been taken for one: look at its pictures.",
        )
    control = audit.control
    wrong = (control.linked - control.strong) / max(1, control.pairs)
    if wrong > WARN_WRONG_LINKS:
        yield Finding(
            "warning",
            "parts",
            f"The grouping may link different parts: {wrong:.2%} of the control pairs were linked",
            f"{control.linked - control.strong} of {control.pairs} pairs under different labels "
            f"share {LEAST_INLIERS} features or more. Groups may be too large; a split is safe "
            "all the same, since merged parts stay on one side.",
        )


def _oddities(audit: Audit) -> Iterator[Finding]:
    for kind, count in sorted(Counter(odd.kind for odd in audit.oddities).items()):
        gravity, title, text = _ODD[kind]
        words = title if count > 1 else _singular(title)
        yield Finding(gravity, "files", f"{_pictures(count)} {words}", text)


def _copies(audit: Audit) -> Iterator[Finding]:
    copies, pictures = audit.copies, audit.scan.pictures
    if copies.exact:
        spare = sum(len(each) - 1 for each in copies.exact)
        yield Finding(
            "note",
            "copies",
            f"{_pictures(spare)} repeat another one byte for byte",
            "They count one picture twice; copies always share a part and a side of a split.",
        )
    if copies.near:
        apart = sum(
            pictures[each.first].label != pictures[each.second].label for each in copies.near
        )
        yield Finding(
            "warning" if apart else "note",
            "copies",
            f"{len(copies.near)} pairs of pictures are the same but for size, light or compression"
            + (f", {apart} of them under two labels" if apart else ""),
            "Found by a perceptual hash, mirrored too.",
        )
    if audit.unconfirmed_near:
        yield Finding(
            "warning",
            "copies",
            f"{audit.unconfirmed_near} of {len(copies.near)} near-duplicate pairs are not one part "
            "by their local features",
            "Smooth parts give too few features to be recognised by, and parts in a fixture look "
            "alike to a hash: look at these pairs before you trust a split.",
        )


def _counts(audit: Audit) -> Iterator[Finding]:
    counts = {row.label: row.pictures for row in audit.labels}
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] > WARN_IMBALANCE * counts[least]:
        yield Finding(
            "note",
            "counts",
            f"{most} has {counts[most] / counts[least]:.1f} times the pictures of {least}",
            "Training weighs classes against it; the figures of the smaller class stay uncertain.",
        )
    if audit.scan.other_files:
        yield Finding(
            "note",
            "files",
            f"{audit.scan.other_files} other files lie among the pictures",
            "They are hidden or have no picture's suffix, and are not looked at.",
        )


def _pictures(count: int) -> str:
    return f"{count} picture" if count == 1 else f"{count} pictures"


def _parts(count: int) -> str:
    return f"{count} part stands" if count == 1 else f"{count} parts stand"


def _singular(title: str) -> str:
    first, _, rest = title.partition(" ")
    return f"{ {'are': 'is', 'have': 'has', 'look': 'looks'}[first] } {rest}"
