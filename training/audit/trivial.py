"""Could a model tell the classes apart by how the pictures were taken, not by the part?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.audit.files import SeenPicture

WARN_AUC, GRAVE_AUC = 0.75, 0.9
WARN_TOGETHER, GRAVE_TOGETHER = 0.75, 0.9
MOST_FOLDS = 5

Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TrivialFeature:
    """How well one figure separates the classes: AUC 0.5 and correlation 0 are not at all.

    `auc_by_part` takes the mean of each part, so that a part with many pictures counts once; None
    where parts are unknown. `good` and `defective` are the quartiles.
    """

    name: str
    auc: float
    auc_by_part: float | None
    correlation: float
    good: tuple[float, float, float]
    defective: tuple[float, float, float]

    @property
    def separation(self) -> float:
        """Return the AUC in the direction that separates, 0.5 to 1."""
        return max(self.auc, 1.0 - self.auc)

    @property
    def part_separation(self) -> float | None:
        """Return the same by part."""
        return None if self.auc_by_part is None else max(self.auc_by_part, 1.0 - self.auc_by_part)


@dataclass(frozen=True, slots=True)
class TrivialReport:
    """The figures, the most telling first, and what a simple model makes of all of them.

    `together` is the balanced accuracy of a logistic regression on pictures (on parts where
    `by_part`) that it was not fitted to; None where there are too few of a class to try.
    """

    features: tuple[TrivialFeature, ...]
    together: float | None
    worst_fold: float | None
    best_fold: float | None
    folds: int
    by_part: bool


_FEATURES: tuple[tuple[str, Callable[[SeenPicture], float]], ...] = (
    ("file size (bytes)", lambda each: each.file_bytes),
    ("width (pixels)", lambda each: each.content.width),
    ("height (pixels)", lambda each: each.content.height),
    ("JPEG coarseness", lambda each: each.content.coarseness),
    ("mean brightness", lambda each: each.content.brightness),
    ("contrast", lambda each: each.content.contrast),
    ("sharpness", lambda each: each.content.sharpness),
    ("noise", lambda each: each.content.noise),
    ("brightness of the border", lambda each: each.content.border),
    ("colour", lambda each: each.content.colour),
)


def measure_trivial(
    pictures: Sequence[SeenPicture], truth: Truth, parts: Sequence[int] | None
) -> TrivialReport:
    """Measure each trivial figure against the label, and all of them together."""
    table = trivial_table(pictures)
    features = [
        _feature(name, table[:, place], truth, parts) for place, (name, _) in enumerate(_FEATURES)
    ]
    features.sort(key=lambda each: (-each.separation, each.name))
    scores, by_part = _cross_validate(table, truth, parts)
    return TrivialReport(
        features=tuple(features),
        together=float(np.mean(scores)) if scores else None,
        worst_fold=min(scores, default=None),
        best_fold=max(scores, default=None),
        folds=len(scores),
        by_part=by_part,
    )


def trivial_table(pictures: Sequence[SeenPicture]) -> NDArray[np.float64]:
    """Return one row a picture, one column a trivial feature."""
    rows = [[read(each) for _, read in _FEATURES] for each in pictures]
    return np.array(rows, np.float64).reshape(len(pictures), len(_FEATURES))


def feature_column(name: str) -> int:
    """Return the column of a feature in the table."""
    return [each for each, _ in _FEATURES].index(name)


def rank_auc(values: NDArray[np.float64], truth: Truth) -> float:
    """Return how often a defective picture's value is above a good one's; ties count half."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    bad, good = int(truth.sum()), int((~truth).sum())
    if bad == 0 or good == 0:
        return 0.5
    return float((ranks[truth].sum() - bad * (bad + 1) / 2) / (bad * good))


def _feature(
    name: str, values: NDArray[np.float64], truth: Truth, parts: Sequence[int] | None
) -> TrivialFeature:
    spread = float(values.std()) * float(truth.std())
    apart = float(np.mean((values - values.mean()) * (truth - truth.mean())))
    return TrivialFeature(
        name=name,
        auc=round(rank_auc(values, truth), 4),
        auc_by_part=None if parts is None else round(_auc_by_part(values, truth, parts), 4),
        correlation=0.0 if spread < 1e-12 else round(apart / spread, 4),
        good=_quartiles(values[~truth]),
        defective=_quartiles(values[truth]),
    )


def _auc_by_part(values: NDArray[np.float64], truth: Truth, parts: Sequence[int]) -> float:
    """Return the AUC over parts; one that is called both good and defective counts as two."""
    keys = np.stack([np.asarray(parts, np.int64), truth.astype(np.int64)], axis=1)
    kinds, places = np.unique(keys, axis=0, return_inverse=True)
    places = places.reshape(-1)
    means = np.bincount(places, values) / np.bincount(places)
    # Rounded, for sums of one and the same value differ in their last digits.
    return rank_auc(means.round(6), kinds[:, 1] == 1)


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist() if len(values) else (0, 0, 0)
    return round(low, 3), round(middle, 3), round(high, 3)


def _cross_validate(
    table: NDArray[np.float64], truth: Truth, parts: Sequence[int] | None
) -> tuple[list[float], bool]:
    """Return the balanced accuracy of each fold; whole parts are held back where there are any."""
    groups = np.arange(len(truth)) if parts is None else np.asarray(parts)
    folds = min(MOST_FOLDS, *(len(np.unique(groups[truth == side])) for side in (True, False)))
    if folds < 2:
        return [], parts is not None
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores: list[float] = []
    cuts = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for learned, held in cuts.split(table, truth, groups):
        if len(set(truth[learned])) < 2 or len(set(truth[held])) < 2:
            continue
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a figure that is the same everywhere divides by 0
            model.fit(table[learned], truth[learned])
        called = model.predict(table[held])
        scores.append(float(balanced_accuracy_score(truth[held], called)))
    return scores, parts is not None
