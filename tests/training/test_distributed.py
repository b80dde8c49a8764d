"""Several devices, and several machines, learn what one process learns from the same batches."""

import json
import signal
import socket

import pytest
from training_processes import DEADLINE_S, Trainings

pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'linewarden[train]'")

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture
def trainings(tmp_path):
    """Return a starter of trainings on drawn pictures: 32 to learn from."""
    made = Trainings(tmp_path)
    yield made
    made.kill_all()


def _start_two(trainings, *arguments):
    """Start a chief and a worker that know each other's address; only the chief's folder counts."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    workers = [f"127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return [
        trainings.start(
            f"worker-{index}",
            *("--strategy", "multi-worker", *arguments),
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]


def _agree(trainings, one, other):
    figures = [
        value
        for name in (one, other)
        for epoch in trainings.history(name)
        for value in epoch
        if isinstance(value, float)
    ]
    half = len(figures) // 2
    assert half == 3 * 4
    assert figures[half:] == pytest.approx(figures[:half], rel=1e-4)


# Without dropout: each replica draws its own. With batch norm in whole shares, 4 and 4 of 8.
# In batches of one the second replica has nothing of its own, and weights are averaged.
@pytest.mark.parametrize(("model", "batch"), [("calm", 7), ("normed", 8), ("calm", 1)])
def test_two_worker_processes_learn_what_one_process_learns(trainings, model, batch):
    """The history is the same: short last batches, class weights, averaging included."""
    recipe = trainings.recipe(model, batch=batch)
    trainings.run("one", "--config", recipe)
    chief, other = _start_two(trainings, "--config", recipe)
    trainings.end(other)
    trainings.end(chief)
    _agree(trainings, "one", "worker-0")
    assert not (trainings.folder / "worker-1").exists()
    assert json.loads((trainings.folder / "worker-0" / "metrics.json").read_text())["test"]


def test_two_devices_of_one_machine_learn_what_one_learns(trainings):
    """The same for a mirrored training."""
    recipe = trainings.recipe("calm")
    trainings.run("one", "--config", recipe)
    trainings.run("two", "--config", recipe, "--strategy", "mirrored", TINY_CPUS="2")
    _agree(trainings, "one", "two")


def test_a_lost_worker_ends_the_others_and_the_run_goes_on_later(trainings, wait_until):
    """Killed, it takes nobody's time for long; started again with --resume, all goes on."""
    history = trainings.folder / "worker-0" / "history.json"
    chief, other = _start_two(trainings, "--config", trainings.recipe("calm", epochs=900))
    wait_until(lambda: history.exists() or chief.poll() is not None, DEADLINE_S)
    other.send_signal(signal.SIGKILL)
    assert "another worker of this training is gone" in trainings.end(chief, code=1)[-1]
    before = len(trainings.history("worker-0"))
    chief, other = _start_two(trainings, "--resume")
    wait_until(
        lambda: len(trainings.history("worker-0")) > before or chief.poll() is not None, DEADLINE_S
    )
    assert chief.poll() is None
    # SIGTERM ends a worker, though TensorFlow would have it go on.
    other.terminate()
    assert other.wait(DEADLINE_S) == -signal.SIGTERM
    trainings.end(chief, code=1)
