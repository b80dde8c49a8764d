"""Scores and thresholds -> PASS, REJECT or RECHECK; the only such code."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bundle.errors import ScoreError
from bundle.manifest import Thresholds


class Decision(str, Enum):
    """What the model's score means for the part. Only PASS lets a part through."""

    PASS = "PASS"
    REJECT = "REJECT"
    RECHECK = "RECHECK"


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the softmax over the last axis of `logits / temperature`, same shape.

    Raises ScoreError where a logit is NaN or infinite.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    if not np.isfinite(scaled).all():
        raise ScoreError("the model gave a value that is not a number")
    scaled -= scaled.max(axis=-1, keepdims=True)
    grown: NDArray[np.float64] = np.exp(scaled)
    shares: NDArray[np.float64] = grown / grown.sum(axis=-1, keepdims=True)
    return shares


def defect_score(
    logits: NDArray[np.float32], defective: Sequence[int], temperature: float = 1.0
) -> float:
    """Return the probability that the part is defective, from the logits of one picture.

    `logits` has shape (labels,); `defective` holds the positions of the labels that mean a
    defect. Raises ScoreError.
    """
    return float(probabilities(logits, temperature)[list(defective)].sum())


def decide(score: float, thresholds: Thresholds) -> Decision:
    """Judge one part by its defect score. Raises ScoreError for what is not in 0..1."""
    # A NaN fails this comparison too: it must never fall through to PASS.
    if not -1e-6 <= score <= 1.0 + 1e-6:
        raise ScoreError(f"{score} is not a probability")
    if score >= thresholds.reject_at:
        return Decision.REJECT
    if score >= thresholds.recheck_at:
        return Decision.RECHECK
    return Decision.PASS
