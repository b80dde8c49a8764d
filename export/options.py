"""What an export is asked to do, and what of it can be known to be wrong beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from export.errors import ExportError
from export.parity import DEFAULT_BOUND
from export.slim.ladder import FULL, Ladder
from training.run_folder import RunCard

PRUNED = "pruned-int8"
RECIPES = ("int8", PRUNED)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export, and how; `bound` is the drop of accuracy allowed, as a share of 1.

    With `now_ns`, a clock, latency is measured for the card, which then differs each time.
    `folds` are the runs of all folds of the split, for what new parts are to be expected to give.
    `escape_rate` is the share of defective validation pictures that may pass; without it the run's.
    `max_latency_ms`, `min_accuracy` or a `rung` choose among the pruned networks of the `ladder`.
    `batch` is how many pictures the pruned network learns at a time; None: as the ladder has it.
    `camera` is the agent.toml of the line on which the pictures were taken.
    """

    run: Path
    data: Path
    out: Path
    recipe: str = "int8"
    name: str | None = None
    version: str = "0.1.0"
    release: int = 1
    golden: Path | None = None
    note: str = ""
    force: bool = False
    bound: float = DEFAULT_BOUND
    now_ns: Callable[[], int] | None = None
    escape_rate: float | None = None
    max_escape_rate: float | None = None
    folds: tuple[Path, ...] = ()
    max_latency_ms: float | None = None
    min_accuracy: float | None = None
    rung: str | None = None
    ladder: Ladder = FULL
    batch: int | None = None
    camera: Path | None = None


def fit_options(options: ExportOptions, card: RunCard) -> ExportOptions:
    """Return the options with the ladder as it is for the run.

    Raises ExportError for what makes no sense: a climb takes an hour and more.
    """
    if options.recipe not in RECIPES:
        raise ExportError(f"there is no recipe {options.recipe!r}; there is {', '.join(RECIPES)}")
    if options.recipe != PRUNED and (wishes := _wishes(options)):
        raise ExportError(
            f"recipe {options.recipe} has one network and no ladder to choose from: add "
            f"--recipe {PRUNED} for {', '.join(wishes)}"
        )
    _check_numbers(options)
    if options.out.suffix != ".lwb":
        raise ExportError(f"a bundle's name ends in .lwb: --out {options.out.with_suffix('.lwb')}")
    if not options.out.parent.is_dir():
        raise ExportError(f"there is no folder {options.out.parent} to write the bundle to")
    ladder = options.ladder.fit(card.input.height)
    if options.batch is not None:
        ladder = replace(ladder, batch=options.batch)
    rungs = [rung.name for rung in ladder.rungs]
    if options.rung is not None and options.rung not in rungs:
        raise ExportError(f"there is no rung {options.rung}; there are {', '.join(rungs)}")
    return replace(options, ladder=ladder)


def _wishes(options: ExportOptions) -> list[str]:
    """Return the options given that are about the ladder."""
    given = {
        "--max-latency": options.max_latency_ms is not None,
        "--min-accuracy": options.min_accuracy is not None,
        "--rung": options.rung is not None,
        "--batch": options.batch is not None,
        "--quick": options.ladder.few,
    }
    return [name for name, wished in given.items() if wished]


def _check_numbers(options: ExportOptions) -> None:
    latency_ms, rate = options.max_latency_ms, options.max_escape_rate
    if latency_ms is not None and not 0.0 < latency_ms < math.inf:
        raise ExportError(f"--max-latency is a time in milliseconds above 0, not {latency_ms:g}")
    if rate is not None and not 0.0 < rate < 1.0:
        raise ExportError(f"--max-escape-rate is a share between 0 and 1, not {rate:g}")
    if options.min_accuracy is not None and 0.0 < options.min_accuracy <= 0.01:
        raise ExportError(
            f"--min-accuracy is in percent: {100 * options.min_accuracy:g} would take any network; "
            f"write {10000 * options.min_accuracy:g} if that was meant"
        )
