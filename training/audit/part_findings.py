"""What the part groups say: parts under two labels, sizes, and what leaks from train to test."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.audit.copies import Copies
from training.audit.files import SeenPicture
from training.audit.parts import Link

TRAIN, TEST = "train", "test"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A part under two labels: its pictures by label, and the surest link between two labels.

    `identical` says that the very same bytes stand under both. `inliers` is None where no link
    joins two labels directly, which only identical bytes can.
    """

    part: int
    pictures: tuple[tuple[str, tuple[int, ...]], ...]
    identical: bool
    inliers: int | None

    @property
    def count(self) -> int:
        """Return how many pictures the part has."""
        return sum(len(places) for _, places in self.pictures)


@dataclass(frozen=True, slots=True)
class LeakRow:
    """Of the pictures in test/, how many have a twin in train/; of its parts, how many are there.

    `near` counts identical ones too, and `same_part` both.
    """

    label: str
    pictures: int
    identical: int
    near: int
    same_part: int
    parts: int
    shared_parts: int


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How much there is of one label."""

    label: str
    defective: bool
    pictures: int
    by_side: tuple[tuple[str, int], ...]
    contents: int
    parts: int
    largest_part: int


def find_contradictions(
    pictures: Sequence[SeenPicture],
    part_of: Sequence[int],
    links: Iterable[Link],
) -> tuple[Contradiction, ...]:
    """Return every part with two labels, the largest first. Links name places in the scan."""
    surest: dict[int, int] = {}
    for link in links:
        if pictures[link.first].label != pictures[link.second].label:
            part = part_of[link.first]
            surest[part] = max(link.inliers, surest.get(part, 0))
    found = []
    for part, places in group_places(part_of).items():
        by_label = defaultdict(list)
        for place in places:
            by_label[pictures[place].label].append(place)
        if len(by_label) > 1:
            shown = tuple((label, tuple(by_label[label])) for label in sorted(by_label))
            identical = _share_bytes(pictures, by_label.values())
            found.append(Contradiction(part, shown, identical, surest.get(part)))
    return tuple(sorted(found, key=lambda each: (-each.count, each.part)))


def measure_leaks(
    pictures: Sequence[SeenPicture], part_of: Sequence[int], copies: Copies
) -> tuple[LeakRow, ...]:
    """Return the leaks from train/ to test/ over all labels, then by label; empty without sides."""
    tested = [place for place, each in enumerate(pictures) if each.side == TEST]
    learned = {part_of[place] for place, each in enumerate(pictures) if each.side == TRAIN}
    if not tested or not learned:
        return ()
    bytes_learned = {each.sha256 for each in pictures if each.side == TRAIN}
    near = _near_contents(pictures, copies)
    rows = []
    for label in (ALL, *sorted({pictures[place].label for place in tested})):
        chosen = [place for place in tested if label in (ALL, pictures[place].label)]
        identical = {place for place in chosen if pictures[place].sha256 in bytes_learned}
        close = {place for place in chosen if pictures[place].sha256 in near} | identical
        parts = {part_of[place] for place in chosen}
        rows.append(
            LeakRow(
                label=label,
                pictures=len(chosen),
                identical=len(identical),
                near=len(close),
                same_part=len(close | {place for place in chosen if part_of[place] in learned}),
                parts=len(parts),
                shared_parts=len(parts & learned),
            )
        )
    return tuple(rows)


def count_labels(
    pictures: Sequence[SeenPicture], part_of: Sequence[int], defective: Iterable[str]
) -> tuple[LabelCount, ...]:
    """Return how much there is of each label."""
    bad = set(defective)
    rows = []
    for label in sorted({each.label for each in pictures}):
        places = [place for place, each in enumerate(pictures) if each.label == label]
        sizes = Counter(part_of[place] for place in places)
        sides = Counter(pictures[place].side for place in places if pictures[place].side)
        rows.append(
            LabelCount(
                label=label,
                defective=label in bad,
                pictures=len(places),
                by_side=tuple(sorted(sides.items(), reverse=True)),
                contents=len({pictures[place].sha256 for place in places}),
                parts=len(sizes),
                largest_part=max(sizes.values()),
            )
        )
    return tuple(rows)


def random_leak(part_of: Sequence[int], test_share: float) -> float:
    """Return the share of test pictures that a split by picture would put beside a sibling.

    A picture of a part with n pictures stays alone on its side with probability test_share^(n-1).
    """
    sizes = Counter(part_of)
    beside = sum(size * (1.0 - test_share ** (size - 1)) for size in sizes.values())
    return beside / max(1, len(part_of))


def group_places(part_of: Sequence[int]) -> dict[int, list[int]]:
    """Return the pictures of each part."""
    groups: dict[int, list[int]] = defaultdict(list)
    for place, part in enumerate(part_of):
        groups[part].append(place)
    return groups


def _near_contents(pictures: Sequence[SeenPicture], copies: Copies) -> set[str]:
    """Return the contents in test/ that have a near-duplicate among those of train/."""
    sides: dict[str, set[str]] = defaultdict(set)
    for each in pictures:
        sides[each.sha256].add(each.side)
    near = set()
    for pair in copies.near:
        first, second = pictures[pair.first].sha256, pictures[pair.second].sha256
        near |= {first} if TRAIN in sides[second] else set()
        near |= {second} if TRAIN in sides[first] else set()
    return near


def _share_bytes(pictures: Sequence[SeenPicture], groups: Iterable[Sequence[int]]) -> bool:
    seen: set[str] = set()
    for places in groups:
        hashes = {pictures[place].sha256 for place in places}
        if hashes & seen:
            return True
        seen |= hashes
    return False
