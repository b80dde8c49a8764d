"""Validation scores -> the scores from which a part is rejected, or checked again."""

from __future__ import annotations

import numpy as np

from bundle.manifest import Thresholds
from training.errors import DataError
from training.escapes import allowed_escapes, allowed_misses, lowest_by_part
from training.evaluate import Parts, Scores, Truth
from training.intervals import upper_bound

HIGHEST_REJECT, LOWEST_REJECT = 0.5, 0.2
GOOD_RECHECK_SHARE = 0.01
MARGIN_LOG_ODDS = 0.2  # the int8 model scores a little otherwise than the one measured here

_EDGE = 1e-6


def choose_thresholds(
    scores: Scores,
    truth: Truth,
    wanted_escape_rate: float = 0.0,
    *,
    parts: Parts | None = None,
    max_escape_rate: float | None = None,
) -> Thresholds:
    """Return the thresholds that pass no more defective validation parts than wanted.

    The limit is the highest score that does so. `reject_at` is that limit held between 0.2 and
    0.5: above a half the model itself says defective, however cleanly the validation parts fall
    apart. `recheck_at` lies below limit and `reject_at`, half-way (in log-odds) to what a good part
    typically scores, unless more than 1 % of the good parts would then be checked again; a small
    margin below the limit is always kept.

    With `parts` a part counts once and escapes where any of its pictures is passed. With
    `max_escape_rate` as many may escape as keep the exact 95 % upper bound of the rate below it.
    Raises DataError where one of the two kinds is missing, or where the parts cannot carry that.
    """
    good = scores[~truth]
    if not truth.any() or len(good) == 0:
        raise DataError("thresholds need defective and good parts among the validation pictures")
    if parts is None:
        deciding, kind = np.sort(scores[truth]), "pictures"
    else:
        deciding, kind = np.sort(lowest_by_part(scores[truth], parts[truth])), "parts"
    allowed = _allowed(len(deciding), wanted_escape_rate, max_escape_rate, known=parts is not None)
    limit = float(deciding[allowed])
    reject_at = min(max(limit, LOWEST_REJECT), HIGHEST_REJECT)
    ceiling = min(limit, reject_at)
    halfway = _from_odds((_log_odds(ceiling) + _log_odds(float(np.median(good)))) / 2)
    busy = float(np.quantile(good, 1.0 - GOOD_RECHECK_SHARE))
    nearest = _from_odds(_log_odds(ceiling) - MARGIN_LOG_ODDS)
    # Rounded down, so that the part which set the limit stays on its side of it.
    recheck_at = _floor(min(nearest, max(halfway, busy)))
    escaped = int((deciding < recheck_at).sum())
    return Thresholds(
        reject_at=_floor(reject_at),
        recheck_at=recheck_at,
        chosen=(
            f"on {len(scores)} validation pictures; {limit:.4f} is the highest score that passes "
            f"at most {allowed} of {len(deciding)} defective {kind}; reject_at is held within "
            f"{LOWEST_REJECT}..{HIGHEST_REJECT}, recheck_at lies below both and has at most "
            f"{GOOD_RECHECK_SHARE:.0%} of the good parts checked again where the limit allows it. "
            + _bound_text(escaped, len(deciding), kind)
        ),
    )


def _allowed(count: int, wanted: float, bound: float | None, *, known: bool) -> int:
    if bound is None:
        return allowed_misses(wanted, count)
    if not known:
        raise DataError(
            "a bound on the escape rate is counted in parts, and the parts of these pictures are "
            "not known: find them with `linewarden audit DATA --write-split FILE`"
        )
    return allowed_escapes(bound, count)


def _bound_text(escaped: int, count: int, kind: str) -> str:
    """Return what the validation shows of the escape rate, and what it does not."""
    text = f"{escaped} of {count} {kind} escape: at 95 % the rate is below "
    text += f"{upper_bound(escaped, count):.2%}"
    return text if kind == "parts" else f"{text} if each picture showed another part"


def _log_odds(share: float) -> float:
    share = min(max(share, _EDGE), 1.0 - _EDGE)
    return float(np.log(share / (1.0 - share)))


def _from_odds(odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-odds)))


def _floor(score: float) -> float:
    return float(np.floor(score * 1e6) / 1e6)
