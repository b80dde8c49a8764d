"""Which channels go so that a network meets a time: the least important per millisecond first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.errors import BudgetError, SlimError
from export.slim.layer_costs import Costs, predicted_ms
from export.slim.surgery import Keep

_ROUNDING = 1e-12

Importance = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class _Block:
    """Channels of one group that go together, and the importance that goes with them."""

    group: str
    before: int
    after: int
    lost: float


def choose_keep(
    importance: Importance,
    costs: Costs,
    widths: Mapping[str, int],
    target_ms: float,
    multiple: int = 8,
    least: int = 8,
    most_gone: float = 0.5,
) -> Keep:
    """Return the channels that stay, of groups that lose some, so that `target_ms` is met.

    `widths` are the present ones. A group keeps a multiple of `multiple` channels, at least
    `least` and more than `most_gone` leaves of it, or stays whole. Importances are compared
    between groups as they are: right for Taylor's, which all estimate the same loss; others go
    through `level_groups` first. Raises BudgetError with the nearest time that can be had.
    """
    _check_importance(importance, widths)
    lowest = {
        group: _lowest_width(width, multiple, least, most_gone) for group, width in widths.items()
    }
    nearest_ms = predicted_ms(costs, lowest)
    if math.isclose(nearest_ms, target_ms, rel_tol=_ROUNDING):
        target_ms = max(nearest_ms, target_ms)  # a sum in another order is the same time
    if not nearest_ms <= target_ms:
        raise BudgetError(
            f"no cut in this step reaches {target_ms:g} ms: the nearest is "
            f"{_round_up(nearest_ms):.3f} ms, from {predicted_ms(costs, widths):.3f} ms now"
        )
    chosen = _fit_widths(_Ranking(importance, multiple, lowest), costs, widths, target_ms)
    return {
        group: _most_important(importance[group], chosen[group])
        for group in sorted(widths)
        if chosen[group] < widths[group]
    }


def level_groups(importance: Importance) -> dict[str, NDArray[np.float64]]:
    """Return importances with a mean of 1 in each group.

    For norms: a batch norm's gamma has a scale of its own in each layer, since the next layer can
    undo it, so only the differences inside a group mean something.
    """
    return {
        group: values / values.mean() if values.any() else np.ones_like(values)
        for group, values in importance.items()
    }


class _Ranking:
    """What may go next: the blocks of each group in the order of their importance."""

    def __init__(self, importance: Importance, multiple: int, lowest: Mapping[str, int]) -> None:
        self._sums = {
            group: np.concatenate(([0.0], np.cumsum(np.sort(values)))).tolist()
            for group, values in importance.items()
        }
        self._multiple = multiple
        self._lowest = lowest

    def next_blocks(self, widths: Mapping[str, int]) -> Iterator[_Block]:
        """Yield the next block of each group that has one left."""
        for group, width in widths.items():
            after = (width - 1) // self._multiple * self._multiple
            if after >= self._lowest[group]:
                sums = self._sums[group]
                gone = len(sums) - 1 - width
                lost = sums[gone + width - after] - sums[gone]
                yield _Block(group, width, after, lost)


def _fit_widths(
    ranking: _Ranking, costs: Costs, widths: Mapping[str, int], target_ms: float
) -> dict[str, int]:
    """Take blocks until the time is met, then give back those that it did not need."""
    chosen, taken = dict(widths), []
    while (now_ms := predicted_ms(costs, chosen)) > target_ms:
        block = min(ranking.next_blocks(chosen), key=lambda one: _price(one, costs, chosen, now_ms))
        chosen[block.group] = block.after
        taken.append(block)
    for block in sorted(taken, key=lambda one: (-one.lost, one.group, one.after)):
        wider = {**chosen, block.group: block.before}
        if chosen[block.group] == block.after and predicted_ms(costs, wider) <= target_ms:
            chosen = wider
    return chosen


def _price(
    block: _Block, costs: Costs, widths: Mapping[str, int], now_ms: float
) -> tuple[float, float, str]:
    """Return the importance lost per millisecond saved; then what saves more comes first."""
    saved_ms = now_ms - predicted_ms(costs, {**widths, block.group: block.after})
    return (block.lost / saved_ms if saved_ms > 0.0 else math.inf, -saved_ms, block.group)


def _lowest_width(width: int, multiple: int, least: int, most_gone: float) -> int:
    """Return the width below which a group may not go in one step."""
    # Shares such as 0.9 are a little off in binary: 10 * (1 - 0.9) must not be two channels.
    floor = max(least, 1, math.ceil(width * (1.0 - most_gone) - 1e-9))
    return min(width, math.ceil(floor / multiple) * multiple)


def _most_important(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the sorted indices of the most important; of equal ones those that come last."""
    order = np.argsort(values, kind="stable")
    return np.sort(order[len(values) - count :]).astype(np.int64)


def _check_importance(importance: Importance, widths: Mapping[str, int]) -> None:
    for group, width in widths.items():
        values = importance.get(group)
        if values is None or values.shape != (width,):
            raise SlimError(f"the importances of group {group} are not those of {width} channels")
        if not (np.isfinite(values).all() and (values >= 0.0).all()):
            raise SlimError(f"an importance of group {group} is negative or no number")


def _round_up(value_ms: float) -> float:
    """Return a time that, asked for, can be met: rounding down would miss it."""
    return math.ceil(value_ms * 1000.0) / 1000.0
