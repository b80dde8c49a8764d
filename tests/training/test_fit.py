"""A training learns, goes on after a kill as if nothing had been, and never loses its best."""

import math

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

from bundle.manifest import InputSpec
from training import fit
from training.config import Phase
from training.errors import DivergedError, OptionError, RunError
from training.pipeline import begin_run, plan_options, resume_run
from training.progress import FitProgress
from training.run_folder import RunFolder
from training.scoring import load_keras_model

pytestmark = pytest.mark.train

SPEC = InputSpec(height=224, width=224, frame_height=300, frame_width=300)


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


class KilledProgress(FitProgress):
    """Ends the training in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__(Console(quiet=True), lambda: 0.0)
        self._epochs_left = epoch

    def begin_epoch(self, name, pictures):
        """Count the epochs down."""
        self._epochs_left -= 1
        super().begin_epoch(name, pictures)

    def advance(self, pictures, work, loss):
        """Raise in the epoch that was asked."""
        if self._epochs_left < 0:
            raise KilledError
        super().advance(pictures, work, loss)


def _quiet():
    return FitProgress(Console(quiet=True), lambda: 0.0)


def _whole(data, path, options):
    folder = RunFolder(path)
    import keras

    keras.utils.set_random_seed(1)
    fit.fit_network(begin_run(data, folder, options, None), folder, _quiet())
    return folder


def test_a_training_learns_and_keeps_its_history(data, tmp_path, tiny_options):
    """The loss falls, each epoch has its record, and the model that is kept can be loaded."""
    folder = _whole(data, tmp_path / "run", tiny_options)
    history = folder.read_history()
    assert [record.epoch for record in history] == [1, 2, 3, 4]
    assert [record.phase for record in history] == ["head", "all", "all", "all"]
    assert history[-1].val_loss < history[0].val_loss
    assert folder.read_state().finished
    assert load_keras_model(folder.model_path).input_shape == (None, 32, 32, 1)
    assert len(list((folder.path / "checkpoints").glob("*.keras"))) == 1


@pytest.mark.parametrize("whole_epochs", [1, 2, 3])
def test_a_killed_training_ends_like_one_that_was_not(data, tmp_path, tiny_options, whole_epochs):
    """Killed within a phase or at its border, the weights come out the same."""
    expected = _whole(data, tmp_path / "whole", tiny_options)
    folder = RunFolder(tmp_path / "killed")
    import keras

    keras.utils.set_random_seed(1)
    job = begin_run(data, folder, tiny_options, None)
    with pytest.raises(KilledError):
        fit.fit_network(job, folder, KilledProgress(whole_epochs))
    assert folder.read_state().epochs == whole_epochs
    keras.utils.set_random_seed(99)  # another process starts from other random numbers
    fit.fit_network(resume_run(data, folder, {}, None), folder, _quiet())
    for kept, wanted in zip(
        load_keras_model(folder.checkpoint_path("epoch-0004.keras")).get_weights(),
        load_keras_model(expected.checkpoint_path("epoch-0004.keras")).get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(kept, wanted, rtol=1e-5, atol=1e-6)
    assert [r.epoch for r in folder.read_history()] == [1, 2, 3, 4]


def test_every_epoch_varies_the_pictures_anew(data, tmp_path, tiny_options, monkeypatch):
    """Order and variation go by the epoch of the whole run, not of the phase or the process."""
    epochs = []
    monkeypatch.setattr(fit.PictureBatches, "start_epoch", lambda _, epoch: epochs.append(epoch))
    _whole(data, tmp_path / "run", tiny_options)
    assert epochs == [0, 1, 2, 3]


def test_from_scratch_everything_learns(tiny_options):
    """Without initial weights the network's recipe freezes nothing; a given recipe is kept."""
    bare = tiny_options.model_copy(update={"phases": (), "model": "mobilenet_v2"})
    scratch = plan_options(bare, None, from_scratch=True).phases
    assert {(each.trained, each.batch_norm) for each in scratch} == {("all", "trained")}
    assert "head" in {each.trained for each in plan_options(bare, None).phases}
    given = plan_options(tiny_options, None, from_scratch=True)
    assert given.phases == tiny_options.phases


def test_a_run_is_planned_with_the_precision_of_this_machine(tiny_options):
    """What is written to the run folder is no "auto": resuming elsewhere keeps it."""
    assert plan_options(tiny_options, None).precision in {"float32", "mixed_float16"}
    wished = tiny_options.model_copy(update={"precision": "mixed_bfloat16"})
    assert plan_options(wished, None).precision == "mixed_bfloat16"


def test_batch_statistics_follow_the_recipe(data, tmp_path, tiny_options):
    """Trained, they move with the pictures within an epoch; frozen, they stay as they were."""
    moved = {}
    for kind in ("trained", "frozen"):
        phases = (Phase(name="all", epochs=1, learning_rate=0.01, batch_norm=kind),)
        options = tiny_options.model_copy(update={"model": "normed", "phases": phases})
        folder = _whole(data, tmp_path / kind, options)
        mean = load_keras_model(folder.model_path).get_layer("norm").get_weights()[2]
        moved[kind] = float(np.abs(mean).max())
    assert moved["frozen"] == 0.0
    assert moved["trained"] > 1.0


def test_a_head_phase_leaves_the_body_alone(data, tmp_path, tiny_options):
    """Only layers named head_ learn where the recipe says head."""
    phases = (Phase(name="head", epochs=1, learning_rate=0.05, trained="head"),)
    options = tiny_options.model_copy(update={"phases": phases})
    import keras

    from training.networks.catalogue import build_network

    folder = RunFolder(tmp_path / "run")
    job = begin_run(data, folder, options, None)
    keras.utils.set_random_seed(options.seed)
    before = build_network("tiny", job.spec, 2)
    fit.fit_network(job, folder, _quiet())
    after = load_keras_model(folder.model_path)
    for name, same in (("body", True), ("head_logits", False)):
        pair = [model.get_layer(name).get_weights()[0] for model in (before, after)]
        assert np.array_equal(*pair) == same


def test_an_upper_phase_leaves_the_early_layers_alone():
    """From the network's `upper` layer on everything learns; before it nothing does."""
    from training.networks.catalogue import build_network, find_network
    from training.phase_model import choose_layers

    spec = SPEC.model_copy(update={"height": 64, "width": 64})
    model = build_network("mobilenet_v2", spec, 2)
    phase = Phase(name="upper", epochs=1, learning_rate=0.1, trained="upper", batch_norm="trained")
    upper = find_network("mobilenet_v2").upper
    choose_layers(model, phase, upper)
    names = [layer.name for layer in model.layers]
    learning = [layer.trainable for layer in model.layers]
    assert not any(learning[: names.index(upper)])
    assert all(learning[names.index(upper) :])


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good(
    data, tmp_path, tiny_options, monkeypatch
):
    """The model of the epoch before is whole; the message names the epoch."""
    rate = fit.cosine_rate
    monkeypatch.setattr(
        fit,
        "cosine_rate",
        lambda peak, step, steps: rate(peak, step, steps) if step < 6 else math.nan,
    )
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(DivergedError, match="epoch 3 is not a number; the model of epoch 2"):
        fit.fit_network(begin_run(data, folder, tiny_options, None), folder, _quiet())
    assert folder.read_state().epochs == 2
    weights = load_keras_model(folder.model_path).get_weights()
    assert all(np.isfinite(value).all() for value in weights)


def test_no_progress_ends_a_phase_early_with_the_best_kept(
    data, tmp_path, tiny_options, monkeypatch
):
    """After `patience` epochs without a better validation loss the training is over."""
    monkeypatch.setattr(fit, "cosine_rate", lambda *_: 0.0)
    phases = (Phase(name="all", epochs=9, learning_rate=0.01),)
    options = tiny_options.model_copy(update={"phases": phases, "patience": 2})
    folder = _whole(data, tmp_path / "run", options)
    assert len(folder.read_history()) == 3


def test_resume_refuses_other_pictures_and_other_options(data, tmp_path, tiny_options):
    """A run goes on with what it was begun with, or not at all."""
    folder = RunFolder(tmp_path / "run")
    begin_run(data, folder, tiny_options, None)
    with pytest.raises(OptionError, match="begun with batch 8, not 16"):
        resume_run(data, folder, {"batch": 16, "seed": None}, None)
    with pytest.raises(OptionError, match="begun with epochs 4, not 7"):
        resume_run(data, folder, {"epochs": 7}, None)
    (data / "train" / "ok" / "000.png").unlink()
    with pytest.raises(RunError, match="begun with other pictures"):
        resume_run(data, folder, {}, None)


def test_a_damaged_checkpoint_is_one_line(data, tmp_path, tiny_options):
    """A checkpoint that was cut is named."""
    folder = RunFolder(tmp_path / "run")
    job = begin_run(data, folder, tiny_options, None)
    with pytest.raises(KilledError):
        fit.fit_network(job, folder, KilledProgress(2))
    folder.checkpoint_path(folder.read_state().checkpoint).write_bytes(b"PK cut")
    with pytest.raises(RunError, match=r"cannot go on from .*epoch-0002.keras"):
        fit.fit_network(job, folder, _quiet())


def test_the_rate_warms_up_and_falls_to_nothing():
    """It starts low, reaches its peak and ends near zero, never leaving these bounds."""
    rates = [fit.cosine_rate(0.1, step, 200) for step in range(200)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] < 1e-4
    assert min(rates) > 0.0
    assert fit.cosine_rate(0.1, 0, 1) == pytest.approx(0.1)


@pytest.mark.parametrize(("scale", "side"), [(1.0, 224), (0.7143, 160), (0.5, 128), (0.01, 32)])
def test_small_phases_have_sizes_the_strides_divide(scale, side):
    """Every picture size is a multiple of 32; the channels stay."""
    spec = fit.phase_spec(SPEC, Phase(name="a", epochs=1, learning_rate=0.1, scale=scale))
    assert (spec.height, spec.width, spec.channels) == (side, side, 1)
