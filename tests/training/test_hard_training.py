"""A training that is killed, has no room or no numbers loses nothing that it had kept."""

import resource
import signal

import pytest
from training_processes import DEADLINE_S, Trainings

pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'linewarden[train]'")

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture
def trainings(tmp_path):
    """Return a starter of trainings on drawn pictures."""
    made = Trainings(tmp_path)
    yield made
    made.kill_all()


def _read_until(process, beginning):
    """Read what a training prints up to a line that begins so."""
    for line in process.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the training ended without a line {beginning!r}: {process.stderr.read()}")


@pytest.mark.parametrize(
    ("place", "batch"),
    # In batches of one an epoch has steps enough for averaged weights.
    [("epoch 1 (head): ", 7), ("epoch 3 (all): 14/32", 7), ("epoch 3 (all): 16/32", 1)],
)
def test_killed_in_mid_epoch_it_ends_as_if_it_had_not_been(trainings, place, batch):
    """After kill -9, and then --resume: the same history, dropout and batch statistics included."""
    recipe = trainings.recipe("restless", epochs=3, batch=batch)
    trainings.run("whole", "--config", recipe)
    process = trainings.start("killed", "--config", recipe)
    _read_until(process, place)
    process.send_signal(signal.SIGKILL)
    assert process.wait(DEADLINE_S) == -signal.SIGKILL
    trainings.run("killed", "--resume")
    assert trainings.history("killed") == trainings.history("whole")


def test_no_room_for_a_checkpoint_keeps_the_one_before(trainings):
    """One line says which file; with room again the run ends as if nothing had been."""
    recipe = trainings.recipe("restless", epochs=2)
    trainings.run("whole", "--config", recipe)
    process = trainings.start("full", "--config", recipe)
    _read_until(process, "epoch 2 (all): ")
    process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE_S)
    kept = {path.name: path.read_bytes() for path in _models(trainings)}
    process = trainings.start("full", "--resume")
    # Enough for history and state, too little for a model: as on a full disk.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (8000, 8000))
    said = trainings.end(process, code=1)
    assert said[-1].startswith("linewarden: cannot write ")
    assert "Traceback" not in "".join(said)
    assert {path.name: path.read_bytes() for path in _models(trainings)} == kept
    trainings.run("full", "--resume")
    assert trainings.history("full") == trainings.history("whole")


def _models(trainings):
    run = trainings.folder / "full"
    return sorted(
        path
        for path in (*run.glob("*.keras"), *run.glob("checkpoints/*"))
        if not path.name.startswith("part-")
    )
