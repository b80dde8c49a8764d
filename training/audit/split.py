"""Part-safe splits: whole parts, in the same proportion for each label, drawn by content."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.audit.files import SeenPicture
from training.errors import DataError, OptionError
from training.split_file import SplitFile, SplitPicture, SplitSide, write_split

# A part whose pictures nearly all have one label keeps it, and the few others are left out.
CLEAR_MAJORITY = 0.8
# Of so many drawn deals the evenest is kept: with few parts, chance alone is too uneven.
DEALS = 32


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How to divide; with several folds a test side is one fold and `test_share` is 1/folds."""

    folds: int = 1
    validation_share: float = 0.1
    test_share: float = 0.2
    seed: int = 0

    def check(self) -> None:
        """Raise OptionError unless something is left to train on."""
        test = 1 / self.folds if self.folds > 1 else self.test_share
        if self.folds < 1 or self.validation_share <= 0 or test <= 0:
            raise OptionError("folds, --validation-share and --test-share must be above 0")
        if self.validation_share + test >= 0.95:
            raise OptionError(
                f"{self.validation_share:.0%} for validation and {test:.0%} for test leave too "
                "little to train on: at most 95 % together"
            )


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    label: str
    key: str
    size: int


def make_splits(
    pictures: Sequence[SeenPicture], part_of: Sequence[int], plan: SplitPlan
) -> tuple[SplitFile, ...]:
    """Return one split, or one a fold, whose test sides together hold every part once.

    Of a part under two labels the minority is left out where one label has 80 % of its pictures,
    else all of it. The sides depend on the pictures' contents, their parts and the seed alone.
    Raises OptionError, and DataError where a side would lack a label.
    """
    plan.check()
    parts, left_out = _gather(pictures, part_of)
    label_of = {part.number: part.label for part in parts}
    sides_of = [dict.fromkeys(left_out, "left_out") for _ in range(plan.folds)]
    for label in sorted({each.label for each in pictures}):
        own = [part for part in parts if part.label == label]
        for sides, chosen in zip(sides_of, _assign(label, own, plan), strict=True):
            sides.update(chosen)
    return tuple(
        SplitFile(
            seed=plan.seed,
            fold=fold,
            folds=plan.folds,
            pictures=tuple(
                _listed(
                    picture,
                    part,
                    sides[part] if picture.label == label_of.get(part) else "left_out",
                )
                for picture, part in zip(pictures, part_of, strict=True)
            ),
        )
        for fold, sides in enumerate(sides_of, start=1)
    )


def write_splits(path: Path, splits: Sequence[SplitFile]) -> tuple[Path, ...]:
    """Write one split to `path`, several to its name with -fold1, -fold2, … Raises DataError."""
    if len(splits) == 1:
        write_split(path, splits[0])
        return (path,)
    paths = tuple(path.with_name(f"{path.stem}-fold{each.fold}{path.suffix}") for each in splits)
    for each, split in zip(paths, splits, strict=True):
        write_split(each, split)
    return paths


def _listed(picture: SeenPicture, part: int, side: str) -> SplitPicture:
    return SplitPicture.model_validate(
        {"name": picture.name, "sha256": picture.sha256, "label": picture.label, "part": part,
         "side": side}
    )  # fmt: skip


def _gather(
    pictures: Sequence[SeenPicture], part_of: Sequence[int]
) -> tuple[list[_Part], list[int]]:
    """Return the parts that have a label, in order of their contents, and those that have none."""
    members = defaultdict(list)
    for picture, part in zip(pictures, part_of, strict=True):
        members[part].append(picture)
    parts, left_out = [], []
    for part, own in members.items():
        (label, most), *_ = Counter(each.label for each in own).most_common(1)
        if most < CLEAR_MAJORITY * len(own):
            left_out.append(part)
        else:
            key = min(each.sha256 for each in own)
            parts.append(_Part(part, label, key, len(own)))
    return sorted(parts, key=lambda part: part.key), left_out


def _assign(label: str, parts: list[_Part], plan: SplitPlan) -> list[dict[int, SplitSide]]:
    """Return for each fold the side of each of one label's parts."""
    if plan.folds == 1:
        learned = 1 - plan.validation_share - plan.test_share
        three = (learned, plan.validation_share, plan.test_share)
        train, validation, test = _deal(label, parts, three, f"{plan.seed}")
        return [_sides(train, validation, test)]
    dealt = _deal(label, parts, (1 / plan.folds,) * plan.folds, f"{plan.seed}")
    assigned = []
    for fold, test in enumerate(dealt):
        rest = [part for place, own in enumerate(dealt) if place != fold for part in own]
        learned = 1 - 1 / plan.folds - plan.validation_share
        shares = (learned, plan.validation_share)
        train, validation = _deal(label, rest, shares, f"{plan.seed}:{fold}")
        assigned.append(_sides(train, validation, test))
    return assigned


def _sides(train: list[_Part], validation: list[_Part], test: list[_Part]) -> dict[int, SplitSide]:
    sides: dict[int, SplitSide] = dict.fromkeys((part.number for part in train), "train")
    sides.update(dict.fromkeys((part.number for part in validation), "validation"))
    sides.update(dict.fromkeys((part.number for part in test), "test"))
    return sides


def _deal(
    label: str, parts: list[_Part], shares: tuple[float, ...], seed: str
) -> list[list[_Part]]:
    """Deal parts to piles in the wanted shares of pictures and of parts; none stays empty."""
    if len(parts) < len(shares):
        raise DataError(
            f"there are {len(parts)} parts of {label} whose labels agree, and {len(shares)} sides "
            "to give one to: take pictures of more parts, or ask for fewer folds"
        )
    pictures = sum(part.size for part in parts)
    deals = (_one_deal(parts, shares, f"{seed}:{deal}") for deal in range(DEALS))
    return min(deals, key=lambda piles: _unevenness(piles, shares, pictures, len(parts)))


def _one_deal(parts: list[_Part], shares: tuple[float, ...], seed: str) -> list[list[_Part]]:
    order = sorted(parts, key=lambda part: -part.size * (0.6 + 0.8 * _draw(f"{seed}:{part.key}")))
    """Deal the large parts before the small ones, about, each to the pile that lags behind most.

    So each pile gets large and small ones alike (Sainte-Lague's way of sharing out seats).
    """
    piles: list[list[_Part]] = [[] for _ in shares]
    taken = [0] * len(shares)
    for part in order:
        fill = [(taken[side] + part.size / 2) / share for side, share in enumerate(shares)]
        side = fill.index(min(fill))
        piles[side].append(part)
        taken[side] += part.size
    for pile in piles:
        if not pile:  # the fullest in parts can spare its smallest
            giver = max(piles, key=len)
            pile.append(giver.pop(giver.index(min(giver, key=lambda part: part.size))))
    return piles


def _draw(text: str) -> float:
    """Return a number from 0 to 1 that only the text decides."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:7], "big") / 2**56


def _unevenness(
    piles: list[list[_Part]], shares: tuple[float, ...], pictures: int, parts: int
) -> float:
    apart = 0.0
    for pile, share in zip(piles, shares, strict=True):
        apart += abs(sum(part.size for part in pile) / pictures - share) / share
        apart += abs(len(pile) / parts - share) / share
    return apart
