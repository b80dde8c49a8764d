"""The sub-command export: parse, call one function, print."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from export.pack import Exported


def export(
    *,
    run: Annotated[Path, typer.Option(help="Run folder of a finished training.")],
    out: Annotated[Path, typer.Option(help="The bundle to write, NAME-VERSION.lwb.")],
    data: Annotated[
        Path | None, typer.Option(help="The run's data: calibrates, and compares float with int8.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="How to make the model small: int8, or pruned-int8.")
    ] = "int8",
    max_latency: Annotated[
        float | None,
        typer.Option(help="pruned-int8: the most accurate that takes so many milliseconds here."),
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            help="pruned-int8: the fastest right in so many percent of the validation pictures.",
        ),
    ] = None,
    rung: Annotated[
        str | None, typer.Option(help="pruned-int8: that rung of the ladder, as in 192-at-40.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="pruned-int8: pictures at a time; fewer need less memory."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="pruned-int8: one hasty step, to try the command.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Name of the model; else its network's.")] = None,
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
    release: Annotated[int, typer.Option(min=1, help="Grows with each release.")] = 1,
    golden: Annotated[
        Path | None, typer.Option(help="Pictures for golden frames, free to copy; else drawn.")
    ] = None,
    note: Annotated[str, typer.Option(help="Licence or purpose, for the card.")] = "",
    camera: Annotated[
        Path | None,
        typer.Option(help="The agent.toml of the line where the pictures were taken."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Points of accuracy int8 may lose.")
    ] = 0.1,
    escape_rate: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.5, help="Share of defective validation pictures that may pass."
        ),
    ] = None,
    max_escape_rate: Annotated[
        float | None,
        typer.Option(help="Bound on the escape rate at 95 %, shown by the validation parts."),
    ] = None,
    fold: Annotated[
        list[Path] | None,
        typer.Option("--fold", help="Run of a fold, each once: what to expect of new parts."),
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure latency here for the card.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write the bundle even when int8 loses too much.")
    ] = False,
) -> None:
    """Turn a run into an int8 bundle for the device.

    Example: linewarden export --run runs/casting --data data/casting --out casting-0.1.0.lwb
    """
    if data is None:
        typer.echo(
            "linewarden: export needs the run's pictures to calibrate and to compare float with "
            "int8: add --data DIR",
            err=True,
        )
        raise typer.Exit(2)
    from export.options import ExportOptions
    from export.pack import build_bundle
    from export.slim.ladder import FULL, QUICK

    options = ExportOptions(
        run=run,
        data=data,
        out=out,
        recipe=recipe,
        name=name,
        version=version,
        release=release,
        golden=golden,
        note=note,
        force=force,
        bound=max_drop / 100.0,
        now_ns=time.perf_counter_ns if latency or recipe != "int8" else None,
        escape_rate=escape_rate,
        max_escape_rate=max_escape_rate,
        folds=tuple(fold or ()),
        max_latency_ms=max_latency,
        min_accuracy=None if min_accuracy is None else min_accuracy / 100.0,
        rung=rung,
        ladder=QUICK if quick else FULL,
        batch=batch,
        camera=camera,
    )
    with closing(ConsoleSteps(Console())) as steps:
        exported = build_bundle(options, steps)
    typer.echo(_summary(exported, out))


class ConsoleSteps:
    """Prints a line per step, and a bar for those that count pictures."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None

    def step(self, text: str, total: int | None = None) -> None:
        """Begin a step, with a bar where it counts to `total`."""
        # A live bar during the converter's steps would be drawn into the converter's log.
        self.close()
        if total is None:
            self._console.print(text, highlight=False)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
        self._bar.add_task(text, total=total)
        self._bar.start()

    def advance(self) -> None:
        """Move the bar on by one picture."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _summary(exported: Exported, out: Path) -> str:
    card = exported.card
    lines = [
        f"{one.name}: {one.pictures} pictures, float {one.float_accuracy.value:.2%}, int8 "
        f"{one.int8_accuracy.value:.2%}, {one.disagreements} answers differ, "
        f"{one.new_escapes} new escapes, largest score shift {one.worst_shift:.3f}"
        for one in card.parity.sets
    ]
    if not card.parity.passed:
        lines.append(f"FORCED: {card.parity.failure}")
    if card.way is not None:
        lines.append(
            f"pruned: {card.way.ratio(0):.1f} times faster than the full float model, "
            f"{card.way.ratio(1):.1f} times faster than the full int8 model"
        )
    ratio = card.float_bytes / card.int8_bytes
    lines.append(
        f"model {card.int8_bytes / 1e6:.2f} MB, {ratio:.1f} times smaller than float; "
        f"operators all int8: {sum(card.quantized.operators.values())}"
    )
    lines.append(f"wrote {out} ({exported.size / 1e6:.2f} MB)")
    return "\n".join(lines)
