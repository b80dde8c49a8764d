"""The sub-command evaluate."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.say import evaluation_lines, say_warnings

if TYPE_CHECKING:
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
    say_warnings(evaluation)
    if not as_json:
        print("\n".join(evaluation_lines(evaluation)))


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
