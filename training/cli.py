"""The sub-commands train and evaluate: parse, call one function, print."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.errors import RunError

if TYPE_CHECKING:
    from training.assess import Evaluation
    from training.dataset import Side
    from training.scoring import Judge


class Split(str, Enum):
    """The side of a data folder."""

    TRAIN = "train"
    TEST = "test"
    ALL = "all"

    @property
    def side(self) -> Side:
        """Return it as the index names it."""
        sides: dict[str, Side] = {"train": "train", "test": "test", "all": "all"}
        return sides[self.value]


def train(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder with train/ and test/, or of classes.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="The run folder to write.")],
    model: Annotated[
        str | None, typer.Option("--model", help="Network.", show_default="mobilenet_v2")
    ] = None,
    weights: Annotated[
        str,
        typer.Option("--weights", help="Initial weights: a file, or 'imagenet', or 'none'."),
    ] = "imagenet",
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, max=1000, help="Rounds in all, over the recipe's phases."),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Height and width in pixels.", show_default="224")
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", help="Pictures per step.", show_default="32")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Decides the split.", show_default="0")
    ] = None,
    defective: Annotated[
        str | None, typer.Option("--defective", metavar="NAME", help="Class of bad parts.")
    ] = None,
    escape_rate: Annotated[
        float | None,
        typer.Option("--escape-rate", help="Share of bad validation parts that may be passed."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with any option of a run.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out after a stop or a kill.")
    ] = False,
) -> None:
    """Train a network on folders of pictures.

    Example: linewarden train ../castings --out runs/castings --weights backbone.weights.h5
    """
    given = {
        "model": model,
        "size": size,
        "batch": batch,
        "seed": seed,
        "defective": defective,
        "wanted_escape_rate": escape_rate,
    }
    if resume and config is not None:
        raise typer.BadParameter("a resumed run keeps its options: leave --config out")
    source = None if weights == "none" else weights
    try:
        _train(data, out, source, config, given, epochs, resume)
    except KeyboardInterrupt as error:
        raise RunError(
            "stopped; the same command with --resume goes on after the last whole epoch"
        ) from error


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder of pictures.")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="A .lwb bundle.")
    ] = None,
    run: Annotated[Path | None, typer.Option("--run", metavar="RUN", help="A run folder.")] = None,
    split: Annotated[
        Split | None, typer.Option("--split", help="Side of the data; test/ where there is one.")
    ] = None,
    defective: Annotated[
        str | None, typer.Option("--defective", metavar="NAME", help="Class of bad parts.")
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Keep pictures that the model learned from.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="For a bundle.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a run or a bundle on pictures that it has not seen.

    Example: linewarden evaluate --bundle castings.lwb --data ../castings --json
    """
    if bundle is not None and run is not None:
        raise typer.BadParameter("give one of --bundle and --run")
    from training.assess import default_side, evaluate_judge, evaluation_json
    from training.dataset import class_folders

    side = None if split is None else split.side
    class_folders(data, side or default_side(data))  # a wrong folder is said before a model loads
    judge = _open_judge(bundle, run, threads)
    evaluation = evaluate_judge(judge, data, side, defective=defective, include_seen=include_seen)
    if as_json:
        print(json.dumps(evaluation_json(evaluation), indent=1))
    _say_warnings(evaluation)
    if not as_json:
        print("\n".join(evaluation_lines(evaluation)))


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return an evaluation in a few lines for a terminal."""
    metrics, counts = evaluation.metrics, evaluation.metrics.confusion
    lines = [f"{evaluation.title} on {metrics.pictures} pictures ({evaluation.side})"]
    for name in ("accuracy", "precision", "recall", "specificity"):
        low, high = metrics.intervals.get(name, (None, None))
        bounds = "" if low is None else f"  95 %: {_percent(low)} .. {_percent(high)}"
        lines.append(f"  {name:<12}{_percent(getattr(metrics, name))}{bounds}")
    lines.append(f"  {'f1':<12}{_percent(metrics.f1)}")
    lines.append(f"  {'auc':<12}{'-' if metrics.auc is None else f'{metrics.auc:.5f}'}")
    lines.append(f"  tp {counts.tp}  fn {counts.fn}  fp {counts.fp}  tn {counts.tn}  at 0.5")
    band = evaluation.at_thresholds
    if band is not None:
        lines.append(
            f"at reject {band.reject_at:.4f}, recheck {band.recheck_at:.4f}: "
            f"{band.escapes} of {band.defective} defective parts escape, {band.false_rejects} of "
            f"{band.good} good parts rejected, {band.rechecks} to check again"
        )
    return lines


def _train(
    data: Path,
    out: Path,
    weights: str | None,
    config: Path | None,
    given: dict[str, Any],
    epochs: int | None,
    resume: bool,
) -> None:
    import time

    from rich.console import Console

    from training.backend import start_backend
    from training.config import read_options
    from training.run_folder import RunFolder

    folder = RunFolder(out)
    options = None if resume else read_options(config, given)
    start_backend()
    from training.fit import fit_network
    from training.pipeline import begin_run, finish_run, plan_options, resume_run
    from training.progress import FitProgress

    if options is None:
        job = resume_run(data, folder, {**given, "epochs": epochs}, weights)
    else:
        job = begin_run(
            data, folder, plan_options(options, epochs, from_scratch=weights is None), weights
        )
    console = Console()
    _say_split(job.split, folder.read_pictures().unreadable)
    with FitProgress(console, time.perf_counter) as progress:
        fit_network(job, folder, progress)
    tested = finish_run(job, folder)
    if tested is not None:
        _say_warnings(tested)
        print("\n".join(evaluation_lines(tested)))
    print(f"the run is in {out}")


def _open_judge(bundle: Path | None, run: Path | None, threads: int) -> Judge:
    from training.scoring import open_bundle_judge, open_run_judge

    if bundle is not None:
        return open_bundle_judge(bundle, threads)
    if run is None:
        raise typer.BadParameter("give one of --bundle and --run")
    from training.backend import start_backend
    from training.run_folder import RunFolder

    start_backend()
    return open_run_judge(RunFolder(run))


def _say_split(split: Any, unreadable: tuple[str, ...]) -> None:
    print(f"{len(split.training)} pictures to learn from, {len(split.validation)} to validate with")
    if split.held_out:
        print(f"{len(split.held_out)} pictures stand in test/ too and are left out of the training")
    _say_unreadable(unreadable)


def _say_unreadable(unreadable: tuple[str, ...]) -> None:
    if unreadable:
        shown = ", ".join(unreadable[:5]) + (", …" if len(unreadable) > 5 else "")
        _warn(f"{len(unreadable)} pictures cannot be read and are skipped: {shown}")


def _say_warnings(evaluation: Evaluation) -> None:
    _say_unreadable(evaluation.unreadable)
    if evaluation.excluded_seen:
        _warn(f"{evaluation.excluded_seen} pictures were seen in training: left out of the figures")
    if evaluation.included_seen:
        _warn(f"{evaluation.included_seen} pictures were seen in training: the figures flatter")
    if evaluation.other_size:
        _warn(f"{evaluation.other_size} pictures have another size than in training: scaled")


def _warn(line: str) -> None:
    typer.echo(f"warning: {line}", err=True)


def _percent(share: float | None) -> str:
    return "      -" if share is None else f"{100 * share:6.2f}%"
