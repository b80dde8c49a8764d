"""The command `linewarden render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def render(
    out: Annotated[Path, typer.Argument(help="Folder for the pictures; new or empty.")],
    train: Annotated[int, typer.Option(min=0, max=1_000_000, help="Parts to train on.")] = 1600,
    test: Annotated[int, typer.Option(min=0, max=1_000_000, help="Parts to test on.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other parts.")] = 1,
    defect_share: Annotated[float, typer.Option(min=0, max=1, help="Share of bad parts.")] = 0.5,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Side of a picture, pixels.")] = 300,
) -> None:
    """Draw castings, good and defective, into OUT/train and OUT/test, a folder per class.

    Example: linewarden render castings --train 1600 --test 400 --seed 1
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from agent.sim.render import RenderPlan, render_folder

    plan = RenderPlan(train, test, seed, defect_share, size)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress("drawing", *columns, transient=True) as progress:
        task = progress.add_task("", total=train + test)
        count = render_folder(out, plan, lambda done: progress.update(task, completed=done))
    typer.echo(f"{count} parts drawn into {out}")
