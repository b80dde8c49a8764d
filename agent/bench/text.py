"""The report as a technician reads it: aligned tables and plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.bench.figures import Percentiles, Ratio
from agent.bench.machine import Conditions
from agent.bench.operators import PROFILER, OperatorTime, Profile, TypeTime
from agent.bench.report import BundleProfile, Report, Result
from agent.bench.throttle import flag_advice

SLOWEST = 10
BAR = 24
NONE = "-"


def plain_text(report: Report) -> str:
    """Return the whole report for a terminal."""
    blocks = [
        list(_heading(report)),
        list(_times(report.results)),
        list(_costs(report.results)),
        *(list(_operators(one)) for one in report.profiles),
        list(_remarks(report)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return aligned lines: numbers right; the first `left` columns and those without head left."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if column < left or not heads[column] else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return [line(heads), *(line(row) for row in rows)]


def _heading(report: Report) -> Iterator[str]:
    machine = report.machine
    engine = report.results[0].times.engine
    yield f"{machine.cpu}, {_count(machine.cores, 'core')}, {machine.system}, {engine}"
    yield (
        f"{_count(report.runs, 'part')} each, in turn, after {report.warm_up} to warm up; "
        "times in milliseconds"
    )


def _times(results: Sequence[Result]) -> list[str]:
    compared = any(one.times.times_first is not None for one in results)
    heads = ["stage", "bundle", "threads", "p50", "p90", "p99", "p99.9", "max"]
    if compared:
        heads.append("x first (95 %)")
    rows = []
    for stage in ("whole", "invoke", "prepare"):
        for number, one in enumerate(results):
            times: Percentiles = getattr(one.times, f"{stage}_ms")
            row = [stage if number == 0 else "", one.times.bundle, str(one.times.threads)]
            row += [_ms(value) for value in (times.p50, times.p90, times.p99, times.p99_9)]
            row.append(_ms(times.max))
            if compared:
                ratios = one.times.times_first
                row.append("1" if ratios is None else _ratio(getattr(ratios, stage)))
            rows.append(row)
    return table(heads, rows, left=2)


def _costs(results: Sequence[Result]) -> list[str]:
    heads = ["", "bundle", "threads", "size", "load", "first part", "memory", "peak", "golden"]
    with_energy = any(one.energy is not None for one in results)
    if with_energy:
        heads += ["energy a part", "power"]
    rows = []
    for number, one in enumerate(results):
        loading = one.loading
        row = ["costs" if number == 0 else "", one.times.bundle, str(one.times.threads)]
        row += [_megabytes(one.size_bytes, 2), f"{loading.load_ms:.1f} ms"]
        row += [f"{loading.first_part_ms:.1f} ms"]
        row += [_megabytes(loading.grows_bytes), _megabytes(loading.peak_bytes)]
        row.append("right" if one.times.golden_passed else "WRONG")
        if with_energy:
            energy = one.energy
            row.append(NONE if energy is None else f"{energy.millijoules_per_part:.1f} mJ")
            row.append(NONE if energy is None else f"{energy.watts:.2f} W")
        rows.append(row)
    heads[0] = " " * 7  # as wide as the stages above, so that the columns stand below one another
    return table(heads, rows, left=2)


def _operators(found: BundleProfile) -> Iterator[str]:
    profile = found.profile
    how = (
        "by LiteRT's profiler"
        if profile.method == PROFILER
        else "by the model cut short after each operator"
    )
    yield (
        f"operators of {found.bundle}, {_count(profile.threads, 'thread')}, {how}: "
        f"{profile.sum_ms:.3f} ms, noise {profile.noise_ms:.3f} ms"
    )
    heads = ["type", "operators", "delegated", "ms", "share", ""]
    yield from table(heads, [_type(one) for one in profile.types])
    yield ""
    slowest = sorted(profile.nodes, key=lambda one: -one.time_ms)[:SLOWEST]
    yield from table(["slowest", "node", "output", "ms", "share"], [_slow(one) for one in slowest])
    yield ""
    yield _delegation(profile)


def _type(one: TypeTime) -> list[str]:
    counts = (str(one.operators), str(one.in_delegate)) if one.operators else (NONE, NONE)
    share = f"{100 * one.share:.1f} %"
    return [one.type, *counts, f"{one.time_ms:.3f}", share, "#" * round(BAR * one.share)]


def _slow(one: OperatorTime) -> list[str]:
    node = NONE if one.index is None else str(one.index)
    shape = "x".join(str(side) for side in one.output_shape[1:]) or NONE
    return [one.type, node, shape, f"{one.time_ms:.3f}", f"{100 * one.share:.1f} %"]


def _delegation(profile: Profile) -> str:
    counts = f"{profile.in_delegate} of {profile.operators} operators run in the XNNPACK delegate"
    if not profile.outside:
        return f"{counts}: all of them"
    share = sum(one.share for one in profile.outside)
    names = ", ".join(f"{one.type} (node {one.index})" for one in profile.outside[:SLOWEST])
    more = len(profile.outside) - SLOWEST
    tail = f" and {more} more" if more > 0 else ""
    return f"{counts}; not in it: {names}{tail}, {100 * share:.1f} % of the time"


def _remarks(report: Report) -> Iterator[str]:
    yield from _board(report.conditions, report.machine.governor)
    machine = report.machine
    if machine.load_1min is not None and machine.load_1min > machine.cores / 2:
        yield (
            f"other programs use this machine (load {machine.load_1min:.1f}): trust the ratios, "
            "not the times"
        )
    wrong = {one.times.bundle for one in report.results if not one.times.golden_passed}
    for name in sorted(wrong):
        yield f"{name}: this machine does NOT give the expected outputs; do not use it here"


def _board(conditions: Conditions, governor: str | None) -> Iterator[str]:
    if conditions.temperature is not None:
        heat = conditions.temperature
        yield (
            f"temperature of {heat.zone}: {heat.before_c:.1f} C before, {heat.after_c:.1f} C "
            f"after, {heat.max_c:.1f} C at most"
        )
    if conditions.frequency is not None:
        clock = conditions.frequency
        limit = "" if clock.limit_mhz is None else f" of {clock.limit_mhz:.0f}"
        governed = "" if governor is None else f", governor {governor}"
        yield f"clock: {clock.min_mhz:.0f} to {clock.max_mhz:.0f}{limit} MHz{governed}"
    if conditions.throttling is not None:
        during = conditions.throttling.during
        yield f"throttling: {'YES' if during else 'none during the run'}"
        yield from (f"  {name}: {flag_advice(name)}" for name in during)


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return NONE
    if ratio.low is None or ratio.high is None:
        return f"{ratio.ratio:.3f}"
    return f"{ratio.ratio:.3f} ({ratio.low:.3f} .. {ratio.high:.3f})"


def _ms(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _megabytes(size: int | None, digits: int = 1) -> str:
    return NONE if size is None else f"{size / 1e6:.{digits}f} MB"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
