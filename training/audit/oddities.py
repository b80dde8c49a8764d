"""Pictures that do not look like the others: size, mode, light, sharpness, or the whole of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.audit.files import SeenPicture
from training.audit.measures import Content
from training.audit.vectors import light_vectors, row_blocks

OddKind = Literal["near_constant", "tiny", "odd_size", "odd_mode", "turned", "outlier"]

NEAR_CONSTANT_CONTRAST = 3.0
TINY_PX = 48
OUTLIER_Z = 6.0
LEAST_PICTURES = 20  # fewer have no spread that means anything
_NEIGHBOURS = 5

_Values = NDArray[np.float64]
Value = TypeVar("Value", str, tuple[int, int])


@dataclass(frozen=True, slots=True)
class Oddity:
    """A picture (its place in the scan), what is odd about it, in words, and how odd."""

    place: int
    kind: OddKind
    says: str
    z: float = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    below: str
    above: str
    value: Callable[[Content], float]
    least_spread: float


# A spread below the last figure is no spread: such a set is even, not full of outliers.
_LOOKS = (
    _Look("darker", "brighter", lambda each: each.brightness, 2.0),
    _Look("flatter", "of higher contrast", lambda each: each.contrast, 2.0),
    _Look("more blurred", "sharper", lambda each: each.sharpness, 0.15),
    _Look("darker at its border", "brighter at its border", lambda each: each.border, 3.0),
    _Look("less noisy", "noisier", lambda each: each.noise, 0.3),
    _Look("less colourful", "more colourful", lambda each: each.colour, 2.0),
)


def find_oddities(pictures: Sequence[SeenPicture]) -> tuple[Oddity, ...]:
    """Return everything odd, the oddest first within each kind."""
    found = [*_flat(pictures), *_sizes(pictures), *_modes(pictures), *_outliers(pictures)]
    return tuple(sorted(found, key=lambda odd: (odd.kind, -odd.z, odd.place)))


def robust_z(values: _Values, least_spread: float) -> _Values:
    """Return how many robust standard deviations (1.4826 MAD) each value is from the median."""
    apart = values - np.median(values)
    spread = max(1.4826 * float(np.median(np.abs(apart))), least_spread)
    return np.asarray(apart / spread, np.float64)


def _flat(pictures: Sequence[SeenPicture]) -> list[Oddity]:
    return [
        Oddity(place, "near_constant", f"one gray almost everywhere: {each.content.contrast:.1f} "
               "of 255 levels of contrast", NEAR_CONSTANT_CONTRAST - each.content.contrast)
        for place, each in enumerate(pictures)
        if each.content.contrast < NEAR_CONSTANT_CONTRAST
    ]  # fmt: skip


def _sizes(pictures: Sequence[SeenPicture]) -> list[Oddity]:
    sizes = [(each.content.width, each.content.height) for each in pictures]
    width, height = _most_frequent(sizes)
    odd = []
    for place, size in enumerate(sizes):
        words = f"{size[0]}x{size[1]} pixels, most have {width}x{height}"
        if min(size) < TINY_PX:
            odd.append(Oddity(place, "tiny", words, TINY_PX - min(size)))
        elif size != (width, height):
            odd.append(Oddity(place, "odd_size", words))
    return odd


def _modes(pictures: Sequence[SeenPicture]) -> list[Oddity]:
    usual = _most_frequent([each.content.mode for each in pictures])
    odd = []
    for place, each in enumerate(pictures):
        if each.content.mode != usual:
            odd.append(Oddity(place, "odd_mode", f"{each.content.mode}, most are {usual}"))
        if each.content.turned:
            odd.append(Oddity(place, "turned", "EXIF says that the picture is to be turned"))
    return odd


def _outliers(pictures: Sequence[SeenPicture]) -> list[Oddity]:
    if len(pictures) < LEAST_PICTURES:
        return []
    contents = [each.content for each in pictures]
    worst: dict[int, Oddity] = {}
    for look in _LOOKS:
        scores = robust_z(np.array([look.value(each) for each in contents]), look.least_spread)
        for place in np.flatnonzero(np.abs(scores) > OUTLIER_Z).tolist():
            words = f"{look.above if scores[place] > 0 else look.below} than the others"
            _keep_worst(worst, place, words, abs(float(scores[place])))
    apart = robust_z(_loneliness(pictures), 0.25)
    for place in np.flatnonzero(apart > OUTLIER_Z).tolist():
        _keep_worst(worst, place, "unlike all other pictures", float(apart[place]))
    return [odd for odd in worst.values() if contents[odd.place].contrast >= NEAR_CONSTANT_CONTRAST]


def _keep_worst(worst: dict[int, Oddity], place: int, words: str, z: float) -> None:
    if place not in worst or worst[place].z < z:
        worst[place] = Oddity(place, "outlier", words, z)


def _loneliness(pictures: Sequence[SeenPicture]) -> _Values:
    """Return the logarithm of how far each picture is from its nearest other contents."""
    first: dict[str, int] = {}
    of_content = [first.setdefault(each.sha256, len(first)) for each in pictures]
    distinct = {each.sha256: each.content for each in pictures}
    vectors = light_vectors([distinct[sha] for sha in first])
    most = min(_NEIGHBOURS, len(vectors) - 1)
    if most < 1:
        return np.zeros(len(pictures))
    apart = np.zeros(len(vectors))
    for rows in row_blocks(len(vectors)):
        near = vectors[rows] @ vectors.T
        near[np.arange(len(near)), np.arange(rows.start, rows.stop)] = -2.0
        apart[rows] = 1.0 - np.partition(near, -most, axis=1)[:, -most:].mean(axis=1)
    return np.asarray(np.log(apart + 1e-3)[of_content], np.float64)


def _most_frequent(values: list[Value]) -> Value:
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))
