"""The report of an audit: one page that needs nothing else."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.audit.audit import Audit
from training.audit.charts import draw_part_sizes, draw_trivial
from training.audit.findings import list_findings
from training.audit.part_findings import TEST, TRAIN, Contradiction, group_places
from training.audit.parts import LEAST_INLIERS
from training.audit.thumbs import Thumb, Thumbs
from training.split_file import SplitFile

# What is shown with pictures; the rest is named in audit.json and pictures.csv.
MOST_CONTRADICTIONS, MOST_GROUPS, MOST_LEAKS, MOST_PAIRS, MOST_ODD = 40, 12, 12, 12, 36
MOST_NAMED = 200
_PICTURES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Group:
    """Some pictures of one thing, with a title."""

    title: str
    thumbs: tuple[Thumb, ...]


@dataclass(frozen=True, slots=True)
class SideRow:
    """A side of a written split: pictures and parts of each label."""

    side: str
    counts: tuple[tuple[int, int], ...]


def render_audit(audit: Audit, split: SplitFile | None = None) -> str:
    """Return the page; `split` is the (first) split written, which it then shows."""
    thumbs = Thumbs(audit.scan.root)
    pages = Environment(
        loader=PackageLoader("training", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"percent": _percent, "dict_of": dict}
    groups = _largest_groups(audit, thumbs)  # first, so that they are never what has no room
    return pages.get_template("audit.html.j2").render(
        audit=audit,
        findings=list_findings(audit),
        parts=len(set(audit.part_of)),
        contradictions=[
            _contradiction(audit, each, thumbs)
            for each in audit.contradictions[:MOST_CONTRADICTIONS]
        ],
        leaks=_leaks(audit, thumbs),
        groups=groups,
        control=control_text(audit),
        least_inliers=LEAST_INLIERS,
        near=_near(audit, thumbs),
        exact=_exact(audit, thumbs),
        oddities=_oddities(audit, thumbs),
        most_named=MOST_NAMED,
        sizes_plot=_png_uri(draw_part_sizes(audit)),
        trivial_plot=_png_uri(draw_trivial(audit)),
        split=split,
        split_rows=[] if split is None else split_rows(split),
        split_labels=[] if split is None else _labels(split),
    )


def control_text(audit: Audit) -> str:
    """Say in words how far the grouping may be trusted."""
    control = audit.control
    if control.pairs == 0:
        return "There was no pair with different labels that the grouping could be tried on."
    doubtful = control.linked - control.strong
    text = (
        f"Two pictures with different labels should not show one part. The grouping was tried on "
        f"{control.pairs} such pairs, the likest that there are: {control.linked} were found to be "
        f"one part. "
    )
    if control.strong:
        text += (
            f"{control.strong} of them share {2 * LEAST_INLIERS} features or more, which is no "
            "accident: they are one part under two labels, or a mark that all pictures share. "
        )
    bound = doubtful or 3
    return text + (
        f"{doubtful} are what the grouping may get wrong, "
        f"{'about' if doubtful else 'at most (95 %)'} {bound / control.pairs:.2%} of pairs as "
        "alike as these. Wrong links make groups larger and a split no less safe. Parts that were "
        "missed, because light or focus changed too much, would make it less so."
    )


def split_rows(split: SplitFile) -> list[SideRow]:
    """Return how many pictures and parts of each label stand on each side."""
    labels = _labels(split)
    rows = []
    for side in ("train", "validation", "test", "left_out"):
        own = [each for each in split.pictures if each.side == side]
        counts = [
            (
                sum(each.label == label for each in own),
                len({each.part for each in own if each.label == label}),
            )
            for label in labels
        ]
        rows.append(SideRow(side, tuple(counts)))
    return rows


def _labels(split: SplitFile) -> list[str]:
    return sorted({each.label for each in split.pictures})


def _spread_evenly(places: Sequence[int], most: int) -> list[int]:
    """Return at most so many, from all over the sequence."""
    step = max(1.0, len(places) / most)
    return [places[int(number * step)] for number in range(min(most, len(places)))]


def _contradiction(audit: Audit, found: Contradiction, thumbs: Thumbs) -> Group:
    pictures = audit.scan.pictures
    each_label = max(2, _PICTURES_SHOWN // len(found.pictures))
    shown = tuple(
        thumbs.make(pictures[place])
        for _, places in found.pictures
        for place in _spread_evenly(places, each_label)
    )
    counts = ", ".join(f"{len(places)} {label}" for label, places in found.pictures)
    sure = "" if found.inliers is None else f"; the labels meet over {found.inliers} features"
    identical = "; the same bytes under both" if found.identical else ""
    return Group(f"part {found.part}: {counts}{sure}{identical}", shown)


def _largest_groups(audit: Audit, thumbs: Thumbs) -> list[Group]:
    groups = sorted(group_places(audit.part_of).items(), key=lambda item: (-len(item[1]), item[0]))
    shown = []
    for part, places in groups[:MOST_GROUPS]:
        counts = Counter(audit.scan.pictures[place].label for place in places)
        words = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
        chosen = _spread_evenly(places, _PICTURES_SHOWN)
        pictures = tuple(thumbs.make(audit.scan.pictures[place]) for place in chosen)
        shown.append(Group(f"part {part}: {words}", pictures))
    return [group for group in shown if len(group.thumbs) > 1]


def _leaks(audit: Audit, thumbs: Thumbs) -> list[Group]:
    """Return parts on both sides, of each a picture of test/ and some of train/."""
    pictures = audit.scan.pictures
    found = []
    for part, places in group_places(audit.part_of).items():
        tested = [place for place in places if pictures[place].side == TEST]
        learned = [place for place in places if pictures[place].side == TRAIN]
        if tested and learned:
            found.append((part, tested, learned))
    shown = []
    for part, tested, learned in _every(found, MOST_LEAKS):
        chosen = [(tested[0], "in test/")]
        chosen += [(place, "in train/") for place in _spread_evenly(learned, 3)]
        made = tuple(thumbs.make(pictures[place], note) for place, note in chosen)
        shown.append(Group(f"part {part}: {len(tested)} in test, {len(learned)} in train", made))
    return shown


def _every(
    found: list[tuple[int, list[int], list[int]]], most: int
) -> list[tuple[int, list[int], list[int]]]:
    return [found[place] for place in _spread_evenly(range(len(found)), most)]


def _near(audit: Audit, thumbs: Thumbs) -> list[Group]:
    pictures, near = audit.scan.pictures, audit.copies.near
    doubtful = [a for a in near if audit.part_of[a.first] != audit.part_of[a.second]]
    chosen = [*doubtful[: MOST_PAIRS // 2]]
    chosen += [near[place] for place in _spread_evenly(range(len(near)), MOST_PAIRS - len(chosen))]
    shown = []
    for pair in dict.fromkeys(chosen):
        words = f"{pair.bits_apart} of 256 bits apart{', mirrored' if pair.mirrored else ''}"
        if pair in doubtful:
            words += "; not one part by local features"
        made = tuple(
            thumbs.make(pictures[place], pictures[place].side)
            for place in (pair.first, pair.second)
        )
        shown.append(Group(words, made))
    return shown


def _exact(audit: Audit, thumbs: Thumbs) -> list[Group]:
    """Return sets of identical pictures; those across labels or sides come first."""
    pictures = audit.scan.pictures

    def places_apart(own: tuple[int, ...]) -> int:
        return len({(pictures[place].label, pictures[place].side) for place in own})

    sets = sorted(audit.copies.exact, key=lambda own: (-places_apart(own), own))
    return [
        Group(
            f"{len(own)} times the same bytes",
            tuple(thumbs.make(pictures[place], pictures[place].side) for place in own[:4]),
        )
        for own in sets[: MOST_PAIRS // 2]
    ]


def _oddities(audit: Audit, thumbs: Thumbs) -> list[Thumb]:
    odd = sorted(audit.oddities, key=lambda each: -each.z)[:MOST_ODD]
    return [thumbs.make(audit.scan.pictures[each.place], each.says) for each in odd]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _png_uri(png: bytes) -> Markup:
    return Markup("data:image/png;base64,") + base64.b64encode(png).decode("ascii")
