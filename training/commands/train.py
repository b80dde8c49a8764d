"""The sub-command train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from training.commands.say import evaluation_lines, say_unreadable, say_warnings
from training.errors import RunError


def train(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder with train/ and test/, or of classes.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="The run folder to write.")],
    model: Annotated[
        str | None, typer.Option("--model", help="Network, or all.", show_default="mobilenet_v2")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            help="Initial weights: a file, imagenet or none; or NETWORK=FILE,NETWORK=FILE.",
            show_default="imagenet where the network can",
        ),
    ] = None,
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
    epoch_pictures: Annotated[
        int | None,
        typer.Option("--epoch-pictures", help="Pictures of an epoch, drawn evenly over parts."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Decides the split.", show_default="0")
    ] = None,
    defective: Annotated[
        str | None, typer.Option("--defective", metavar="NAME", help="Class of bad parts, or a,b.")
    ] = None,
    escape_rate: Annotated[
        float | None,
        typer.Option("--escape-rate", help="Share of bad validation parts that may be passed."),
    ] = None,
    drawn_defects: Annotated[
        float | None,
        typer.Option(
            "--drawn-defects",
            min=0.0,
            max=0.9,
            help="Share of good parts that get a drawn defect and count as bad.",
            show_default="0.4",
        ),
    ] = None,
    max_escape_rate: Annotated[
        float | None,
        typer.Option("--max-escape-rate", help="Bound on the escape rate at 95 %, by parts."),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option("--split", metavar="FILE", help="Part-safe split, by linewarden audit."),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option("--teacher", metavar="RUN", help="A run of the same split teaches this one."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            help="float32, mixed_float16 or mixed_bfloat16.",
            show_default="mixed_float16 on a GPU, else float32",
        ),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option("--strategy", help="none, mirrored (all GPUs) or multi-worker (TF_CONFIG)."),
    ] = "none",
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
        "epoch_pictures": epoch_pictures,
        "seed": seed,
        "defective": defective,
        "wanted_escape_rate": escape_rate,
        "max_escape_rate": max_escape_rate,
        "augmentation": None if drawn_defects is None else {"defects": drawn_defects},
        "teacher": teacher,
        "precision": precision,
    }
    if resume and config is not None:
        raise typer.BadParameter("a resumed run keeps its options: leave --config out")
    try:
        if model == "all":
            _train_all(data, out, weights, config, given, epochs, split, resume, strategy)
        else:
            _train(data, out, weights, config, given, epochs, split, resume, strategy)
    except KeyboardInterrupt as error:
        raise RunError(
            "stopped; the same command with --resume goes on after the last whole epoch"
        ) from error


def _train_all(
    data: Path,
    out: Path,
    weights: str | None,
    config: Path | None,
    given: dict[str, Any],
    epochs: int | None,
    split: Path | None,
    resume: bool,
    strategy: str,
) -> None:
    """Train every network into a folder of its name; with `resume` go on where it stopped."""
    from training.networks.catalogue import BUILT_IN
    from training.run_folder import CONFIG, METRICS

    if strategy == "multi-worker":
        raise typer.BadParameter("train the networks one by one on several machines")
    if weights is not None and "=" not in weights and weights not in {"none", "imagenet"}:
        raise typer.BadParameter("one file fits one network: --weights NETWORK=FILE,NETWORK=FILE")
    for name in BUILT_IN:
        run = out / name
        if resume and (run / METRICS).exists():
            print(f"{run} is finished")
            continue
        begun = resume and (run / CONFIG).exists()
        print(f"training {name}")
        _train(data, run, weights, config, given | {"model": name}, epochs, split, begun, strategy)


def _train(
    data: Path,
    out: Path,
    weights: str | None,
    config: Path | None,
    given: dict[str, Any],
    epochs: int | None,
    split: Path | None,
    resume: bool,
    strategy: str,
) -> None:
    import time

    from rich.console import Console

    from training.backend import start_backend
    from training.config import read_options
    from training.run_folder import RunFolder

    folder = RunFolder(out)
    options = None if resume else read_options(config, given)
    start_backend(first_tensor=strategy != "multi-worker")
    from training.finish import finish_run
    from training.fit import fit_network
    from training.follow import follow_chief, send_run
    from training.networks.catalogue import initial_weights
    from training.pipeline import begin_run, plan_options, resume_run
    from training.progress import FitProgress
    from training.split_file import read_split
    from training.strategy import open_strategy

    team = open_strategy(strategy, print, time.perf_counter)
    if not team.is_chief:
        follow_chief(team, data)
        print("done; the run is in the chief's folder")
        return
    if options is None:
        source = initial_weights(folder.read_options().model, weights)
        job = resume_run(data, folder, {**given, "epochs": epochs}, source)
    else:
        source = initial_weights(options.model, weights)
        planned = plan_options(options, epochs, from_scratch=source is None)
        safe = None if split is None else read_split(split)
        job = begin_run(data, folder, planned, source, safe)
    send_run(team, folder)
    console = Console()
    _say_split(job.split, folder.read_pictures().unreadable)
    with FitProgress(console, time.perf_counter) as progress:
        fit_network(job, folder, progress, team)
    tested = finish_run(job, folder)
    team.share("done")
    if tested is not None:
        say_warnings(tested)
        print("\n".join(evaluation_lines(tested)))
    print(f"the run is in {out}")


def _say_split(split: Any, unreadable: tuple[str, ...]) -> None:
    print(f"{len(split.training)} pictures to learn from, {len(split.validation)} to validate with")
    if split.held_out:
        why = "have another label than their part" if split.test else "stand in test/ too"
        print(f"{len(split.held_out)} pictures {why} and are left out")
    say_unreadable(unreadable)
