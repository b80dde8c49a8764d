"""Shares, intervals and counts as people read them; the order of rows; the table as a type."""

from __future__ import annotations

from dataclasses import dataclass

from training.comparison.paper import MODELS
from training.comparison.records import Comparison, Entry, Estimate, SideFigures


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; `name` is that of its file, `strong` the rows that hold for new parts."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[int, ...] = ()


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share as people read it."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def estimate_text(estimate: Estimate | None) -> str:
    """Return a share with its interval where it has one."""
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    return f"{percent(estimate.value)} ({100 * estimate.low:.2f}..{100 * estimate.high:.2f})"


def area_text(estimate: Estimate | None) -> str:
    """Return an area under the ROC curve, which is no share of anything."""
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.4f}"
    return f"{estimate.value:.4f} ({estimate.low:.4f}..{estimate.high:.4f})"


def metric_text(side: SideFigures | None, name: str) -> str:
    """Return one metric of a side with its interval."""
    return estimate_text(None if side is None else side.metrics.get(name))


def table_networks(comparison: Comparison) -> tuple[str, ...]:
    """Return the paper's networks in its order, where one of them is here, then all others."""
    known = [model.network for model in MODELS]
    here = comparison.networks
    paper = known if any(network in known for network in here) else []
    return (*paper, *(network for network in here if network not in known))


def ordered_entries(comparison: Comparison) -> tuple[Entry, ...]:
    """Return the entries by network, each on the folders first, then part-safe."""
    order = table_networks(comparison)
    return tuple(
        sorted(comparison.entries, key=lambda each: (order.index(each.network), each.part_safe))
    )
