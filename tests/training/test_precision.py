"""Sixteen bits are for the layers: weights, logits and what is shipped stay float32."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

import keras
from rich.console import Console

from training import fit
from training.config import Phase
from training.phase_model import build_phase_model
from training.pipeline import begin_run, resume_run
from training.precision import choose_precision, use_precision
from training.progress import FitProgress
from training.run_folder import RunFolder
from training.scoring import load_keras_model

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("wanted", "gpus", "chosen"),
    [
        ("auto", 0, "float32"),
        ("auto", 2, "mixed_float16"),
        ("float32", 1, "float32"),
        ("mixed_bfloat16", 0, "mixed_bfloat16"),
    ],
)
def test_auto_is_16_bits_where_a_gpu_is(wanted, gpus, chosen):
    """A CPU would only emulate them; a wish is a wish."""
    assert choose_precision(wanted, gpus) == chosen


def test_the_precision_holds_inside_only():
    """Whatever happens, the next layer is made as before."""
    before = keras.config.dtype_policy().name
    with use_precision("mixed_float16"):
        assert keras.config.dtype_policy().name == "mixed_float16"
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_model_has_full_logits_and_weights(data, tmp_path, tiny_options, precision):
    """The layers before compute in 16 bits."""
    options = tiny_options.model_copy(update={"precision": precision})
    job = begin_run(data, RunFolder(tmp_path / "run"), options, None)
    model = build_phase_model(options, options.phases[0], job.spec, 2)
    assert model.get_layer("body").compute_dtype == precision.removeprefix("mixed_")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    logits = model(np.zeros((1, 32, 32, 1), np.uint8))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


class StoppedError(Exception):
    """Stands for a kill."""


class StoppedProgress(FitProgress):
    """Ends the training when its second epoch begins."""

    def begin_epoch(self, name, pictures):
        """Raise in the second epoch."""
        if name.startswith("epoch 2"):
            raise StoppedError
        super().begin_epoch(name, pictures)


def test_a_mixed_training_goes_on_as_it_was_and_ships_float32(data, tmp_path, tiny_options):
    """Resumed, it is mixed still, loss scaling included; the model that is kept is not."""
    phases = (Phase(name="all", epochs=2, learning_rate=0.02),)
    options = tiny_options.model_copy(update={"precision": "mixed_float16", "phases": phases})
    quiet = FitProgress(Console(quiet=True), lambda: 0.0)
    whole, folder = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "run")
    fit.fit_network(begin_run(data, whole, options, None), whole, quiet)
    with pytest.raises(StoppedError):
        fit.fit_network(
            begin_run(data, folder, options, None),
            folder,
            StoppedProgress(Console(quiet=True), lambda: 0.0),
        )
    fit.fit_network(resume_run(data, folder, {}, None), folder, quiet)
    losses, expected = ([each.loss for each in run.read_history()] for run in (folder, whole))
    assert losses == pytest.approx(expected, rel=1e-6)
    with use_precision("mixed_float16"):
        checkpoint = keras.models.load_model(folder.checkpoint_path("epoch-0002.keras"))
    assert checkpoint.get_layer("body").dtype_policy.name == "mixed_float16"
    assert checkpoint.optimizer.inner_optimizer.iterations.numpy() == 8
    assert load_keras_model(folder.model_path).get_layer("body").dtype_policy.name == "float32"
