"""Validation scores -> the scores from which a part is rejected, or checked again."""

from __future__ import annotations

import numpy as np

from bundle.manifest import Thresholds
from training.errors import DataError
from training.evaluate import Scores, Truth

HIGHEST_REJECT, LOWEST_REJECT = 0.5, 0.2
GOOD_RECHECK_SHARE = 0.01
MARGIN_LOG_ODDS = 0.2  # the int8 model scores a little otherwise than the one measured here

_EDGE = 1e-6


def choose_thresholds(scores: Scores, truth: Truth, wanted_escape_rate: float = 0.0) -> Thresholds:
    """Return the thresholds that pass no more defective validation parts than wanted.

    The limit is the highest score that does so. `reject_at` is that limit held between 0.2 and
    0.5: above a half the model itself says defective, however cleanly the validation parts fall
    apart. `recheck_at` lies below limit and `reject_at`, half-way (in log-odds) to what a good part
    typically scores, unless more than 1 % of the good parts would then be checked again; a small
    margin below the limit is always kept.
    Raises DataError where one of the two kinds is missing.
    """
    defective, good = np.sort(scores[truth]), scores[~truth]
    if len(defective) == 0 or len(good) == 0:
        raise DataError("thresholds need defective and good parts among the validation pictures")
    allowed = int(wanted_escape_rate * len(defective) + 1e-9)
    limit = float(defective[min(allowed, len(defective) - 1)])
    reject_at = min(max(limit, LOWEST_REJECT), HIGHEST_REJECT)
    ceiling = min(limit, reject_at)
    halfway = _from_odds((_log_odds(ceiling) + _log_odds(float(np.median(good)))) / 2)
    busy = float(np.quantile(good, 1.0 - GOOD_RECHECK_SHARE))
    nearest = _from_odds(_log_odds(ceiling) - MARGIN_LOG_ODDS)
    recheck_at = min(nearest, max(halfway, busy))
    return Thresholds(
        # Rounded down, so that the part which set the limit stays on its side of it.
        reject_at=_floor(reject_at),
        recheck_at=_floor(recheck_at),
        chosen=(
            f"on {len(scores)} validation pictures, {len(defective)} of them defective: "
            f"{limit:.4f} is the highest score that passes at most {allowed} of these; "
            f"reject_at is held within {LOWEST_REJECT}..{HIGHEST_REJECT}, recheck_at lies below "
            f"both and has at most {GOOD_RECHECK_SHARE:.0%} of the good parts checked again "
            "where the limit allows it"
        ),
    )


def _log_odds(share: float) -> float:
    share = min(max(share, _EDGE), 1.0 - _EDGE)
    return float(np.log(share / (1.0 - share)))


def _from_odds(odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-odds)))


def _floor(score: float) -> float:
    return float(np.floor(score * 1e6) / 1e6)
