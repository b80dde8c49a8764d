"""Runs -> entries: the folds of one network with one recipe become one row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, stdev

from training.comparison.records import (
    METRIC_NAMES,
    Entry,
    Estimate,
    LineCounts,
    PartCounts,
    Run,
    SideFigures,
)
from training.evaluate import Confusion
from training.intervals import wilson_interval

# Student's t: what leaves 2.5 % above it, for 1 to 29 degrees of freedom.
T975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045),
)


def join_runs(runs: Sequence[Run]) -> tuple[Entry, ...]:
    """Return entries in the order of their first runs.

    Folds are joined where network, recipe, seed of the split and number of folds agree and no fold
    is there twice; a run that was not tested stands alone.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_group_key(run), []).append(run)
    entries: list[Entry] = []
    for group in groups.values():
        folds = [run.split.fold for run in group]
        if len(set(folds)) == len(folds):
            entries.append(_entry(sorted(group, key=lambda run: run.split.fold or 0)))
        else:
            entries += [_entry([run]) for run in group]
    return tuple(entries)


def t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of a few folds, held within 0..1.

    None for a single fold, and where all agree: no spread seen is no proof that there is none.
    """
    if len(values) < 2 or max(values) == min(values):
        return None
    degrees = len(values) - 1
    quantile = T975[degrees - 1] if degrees <= len(T975) else 1.96
    half = quantile * stdev(values) / math.sqrt(len(values))
    return max(0.0, fmean(values) - half), min(1.0, fmean(values) + half)


def _group_key(run: Run) -> str:
    """Return what runs have in common that may be joined; of all others something of their own."""
    split = run.split
    if not split.part_safe or split.folds is None or split.folds < 2 or run.test is None:
        return f"alone {run.name}"
    common = (
        run.network,
        run.data_fingerprint,
        split.folds,
        split.seed,
        run.input_size,
        run.options,
    )
    return json.dumps(common, sort_keys=True, default=str)


def _entry(runs: Sequence[Run]) -> Entry:
    if len(runs) == 1:
        only = runs[0]
        return Entry((only,), only.training, _accuracy(only.validation), only.test)
    return Entry(
        runs=tuple(runs),
        training=_mean(run.training for run in runs),
        validation=_mean(_accuracy(run.validation) for run in runs),
        test=_join_sides([run.test for run in runs if run.test is not None]),
    )


def _accuracy(side: SideFigures | None) -> Estimate | None:
    return None if side is None else side.metrics.get("accuracy")


def _mean(estimates: Iterable[Estimate | None]) -> Estimate | None:
    """Return the mean over folds; None unless each has the figure."""
    listed = list(estimates)
    values = [each.value for each in listed if each is not None]
    if len(values) < len(listed) or not values:
        return None
    interval = t_interval(values)
    if interval is None:
        return Estimate(fmean(values))
    return Estimate(fmean(values), *interval, "folds")


def _join_sides(sides: Sequence[SideFigures]) -> SideFigures:
    metrics = {
        name: joined
        for name in METRIC_NAMES
        if (joined := _mean(side.metrics.get(name) for side in sides)) is not None
    }
    return SideFigures(
        pictures=sum(side.pictures for side in sides),
        confusion=_sum_confusions([side.confusion for side in sides]),
        metrics=metrics,
        parts=_sum_parts([side.parts for side in sides]),
        line=_sum_lines([side.line for side in sides]),
        false_rejects_at_99=_mean(side.false_rejects_at_99 for side in sides),
        false_rejects_at_99_by_part=_mean(side.false_rejects_at_99_by_part for side in sides),
        included_seen=sum(side.included_seen for side in sides),
    )


def _sum_confusions(counts: Sequence[Confusion | None]) -> Confusion | None:
    known = [each for each in counts if each is not None]
    if len(known) < len(counts):
        return None
    return Confusion(
        tp=_total(known, lambda one: one.tp),
        fn=_total(known, lambda one: one.fn),
        fp=_total(known, lambda one: one.fp),
        tn=_total(known, lambda one: one.tn),
    )


def _sum_parts(parts: Sequence[PartCounts | None]) -> PartCounts | None:
    """Add up parts: each is tested in one fold only, so they are as many separate trials."""
    known = [each for each in parts if each is not None]
    if len(known) < len(parts):
        return None
    defective = _total(known, lambda one: one.defective)
    escaped = _total(known, lambda one: one.escaped)
    recall = None
    if defective:
        found = defective - escaped
        recall = Estimate(found / defective, *wilson_interval(found, defective), "parts")
    good, rejected = _total(known, lambda one: one.good), _total(known, lambda one: one.rejected)
    return PartCounts(defective, escaped, good, rejected, recall)


def _sum_lines(lines: Sequence[LineCounts | None]) -> LineCounts | None:
    known = [each for each in lines if each is not None]
    if len(known) < len(lines):
        return None
    return LineCounts(
        defective=_total(known, lambda one: one.defective),
        escapes=_total(known, lambda one: one.escapes),
        good=_total(known, lambda one: one.good),
        false_rejects=_total(known, lambda one: one.false_rejects),
        rechecks=_total(known, lambda one: one.rechecks),
        parts=_sum_parts([each.parts for each in known]),
    )


_Counted = Confusion | PartCounts | LineCounts


def _total(counts: Sequence[_Counted], read: Callable[..., int]) -> int:
    return sum(read(one) for one in counts)
