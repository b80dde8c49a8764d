"""A share of counted pictures with its 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass

from training.intervals import wilson_interval


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`, as a share of 1 with Wilson's 95 % interval (E. B. Wilson, 1927).

    The interval takes pictures for independent, which several pictures of one part are not.
    """

    count: int
    total: int
    value: float
    low: float
    high: float


def share(count: int, total: int) -> Share:
    """Return the share of `count` in `total`; of nothing it is 0 and may be anything."""
    if total == 0:
        return Share(0, 0, 0.0, 0.0, 1.0)
    low, high = wilson_interval(count, total)
    return Share(count, total, count / total, low, high)
