"""How a worker that is not the chief learns what to do: the chief sends it the run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from training.config import TrainOptions
from training.errors import RunError
from training.fit import Job, fit_network
from training.pipeline import resume_run
from training.progress import FitProgress
from training.run_folder import FitState, PictureLists, Record, RunCard, RunFolder
from training.strategy import Strategy


class Order(Record):
    """All that a run folder says of a run before its first epoch, and where it stands."""

    options: TrainOptions
    card: RunCard
    pictures: PictureLists
    state: FitState


def send_run(strategy: Strategy, folder: RunFolder) -> None:
    """Tell all other workers what the chief's run folder holds."""
    order = Order(
        options=folder.read_options(),
        card=folder.read_card(),
        pictures=folder.read_pictures(),
        state=folder.read_state(),
    )
    strategy.share(order.model_dump_json())


def follow_chief(strategy: Strategy, root: Path) -> None:
    """Take part in the chief's run to its end, with this machine's own copy of the pictures.

    The run folder here is a passing one: only the chief's is kept. Raises what training may raise.
    """
    with tempfile.TemporaryDirectory() as passing:
        folder = RunFolder(Path(passing) / "run")
        job = _join_run(strategy, root, folder)
        fit_network(job, folder, FitProgress(Console(quiet=True), time.perf_counter), strategy)
    # The chief still measures; leaving now would look like a fault to it.
    strategy.share("")


def _join_run(strategy: Strategy, root: Path, folder: RunFolder) -> Job:
    """Return the chief's job on the pictures here, which must be the same. Weights come later."""
    try:
        order = Order.model_validate_json(strategy.share(""))
    except ValidationError as error:
        raise RunError(
            "the chief sent a run that cannot be read here: all machines need the same linewarden"
        ) from error
    folder.begin(order.options, order.card, order.pictures)
    folder.write_state(order.state)
    try:
        return resume_run(root, folder, {}, None)
    except RunError as error:
        raise RunError(
            f"the pictures in {root} are not those that the chief trains on: copy them anew"
        ) from error
