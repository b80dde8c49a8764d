"""The sub-command evaluate."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.say import evaluation_lines, say_warnings

if TYPE_CHECKING:
    from training.assess import Evaluation
    from training.report.worst_cases import Explain
    from training.scoring import Judge
    from training.split_file import SplitFile


class SideName(str, Enum):
    """The side of the data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    ALL = "all"


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder of pictures.")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="A .lwb bundle.")
    ] = None,
    run: Annotated[Path | None, typer.Option("--run", metavar="RUN", help="A run folder.")] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            "--split", metavar="FILE", help="Split file of linewarden audit: parts and sides."
        ),
    ] = None,
    side: Annotated[
        SideName | None, typer.Option("--side", help="Side of the data; test where there is one.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write figures, plots and a page there."),
    ] = None,
    defective: Annotated[
        str | None, typer.Option("--defective", metavar="NAME", help="Class of bad parts, or a,b.")
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Keep pictures that the model learned from.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="For a bundle.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a run or a bundle on pictures that it has not seen.

    Example: linewarden evaluate --bundle castings.lwb --data ../castings --out report
    """
    if bundle is not None and run is not None:
        raise typer.BadParameter("give one of --bundle and --run")
    _check_extras(out)
    wanted = _check_data(data, split, side)  # said before a model loads
    judge = _open_judge(bundle, run, threads)
    evaluation = _evaluate(judge, data, wanted, side, defective, include_seen)
    say_warnings(evaluation)
    if out is not None:
        _write(evaluation, judge, data, out, run)
    if as_json:
        from training.assess import evaluation_json

        print(json.dumps(evaluation_json(evaluation), indent=1))
    else:
        print("\n".join(evaluation_lines(evaluation)))


def _check_extras(out: Path | None) -> None:
    """Refuse to begin what a missing library would spoil at the end."""
    from importlib.util import find_spec

    from training.errors import OptionError

    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if out is not None and missing:
        raise OptionError(f"--out needs {' and '.join(missing)}: pip install 'linewarden[train]'")
    if out is not None and out.exists() and not out.is_dir():
        raise OptionError(f"{out} is a file; --out names a folder")


def _check_data(data: Path, split: Path | None, side: SideName | None) -> SplitFile | None:
    from training.assess import default_side
    from training.dataset import class_folders
    from training.split_file import read_split

    if split is not None or side is SideName.VALIDATION:
        class_folders(data, "all")
    else:
        class_folders(data, default_side(data) if side is None else side.value)
    return None if split is None else read_split(split)


def _evaluate(
    judge: Judge,
    data: Path,
    split: SplitFile | None,
    side: SideName | None,
    defective: str | None,
    include_seen: bool,
) -> Evaluation:
    from rich.console import Console
    from rich.progress import Progress

    from training.assess import evaluate_judge
    from training.scoring import Advance

    with Progress(console=Console(stderr=True), transient=True) as progress:

        def begin(pictures: int) -> Advance:
            task = progress.add_task("judging pictures", total=pictures)
            return lambda done: progress.advance(task, done)

        return evaluate_judge(
            judge,
            data,
            None if side is None else side.value,
            split=split,
            defective=defective,
            include_seen=include_seen,
            begin=begin,
        )


def _write(evaluation: Evaluation, judge: Judge, data: Path, out: Path, run: Path | None) -> None:
    from training.report.page import PAGE, write_evaluation

    typer.echo("hiding patches of the worst pictures ...", err=True)
    write_evaluation(evaluation, judge, data, out, _explains(run, judge))
    typer.echo(f"the page is {out / PAGE}", err=True)


def _explains(run: Path | None, judge: Judge) -> dict[str, Explain]:
    """Return what makes heat maps; Grad-CAM needs the gradients that only a run has."""
    from training.report.occlusion import occlusion_maps

    columns = [place for place, label in enumerate(judge.labels) if label in judge.defective]
    explains: dict[str, Explain] = {
        "hiding this lowers the score": lambda pictures: occlusion_maps(
            judge.infer, pictures, columns
        )
    }
    if run is not None:
        from training.report.gradcam import heat_maps
        from training.run_folder import RunFolder
        from training.scoring import load_keras_model

        model = load_keras_model(RunFolder(run).model_path)
        explains["Grad-CAM"] = lambda pictures: heat_maps(model, pictures, columns)
    return explains


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
