"""A teacher's word stands beside the label, and never comes from pictures that judge the pupil."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

import keras

from training.errors import OptionError, RunError
from training.finish import finish_run
from training.fit import fit_network
from training.pipeline import begin_run
from training.progress import FitProgress
from training.run_folder import RunFolder
from training.teacher import TaughtBatches, open_teacher

pytestmark = pytest.mark.train


@pytest.fixture
def taught(data, tmp_path, tiny_options):
    """Return a finished run that may teach, and the job of another on the same split."""
    folder = RunFolder(tmp_path / "teacher")
    job = begin_run(data, folder, tiny_options, None)
    fit_network(job, folder, FitProgress(Console(quiet=True), lambda: 0.0))
    finish_run(job, folder)
    return folder, job


def _batches(job, teacher):
    return TaughtBatches(
        job.root, job.split.training, job.spec, job.labels, teacher=teacher,
        batch=8, seed=3, augmentation=job.options.augmentation, defective=job.defective,
    )  # fmt: skip


def test_the_truth_is_partly_what_the_teacher_says(taught):
    """(1 - a) label + a softmax of the teacher on the very pictures that the pupil sees."""
    folder, job = taught
    said, told = (
        _batches(job, open_teacher(folder.path, job.labels, job.split, share))
        for share in (1.0, 0.7)
    )
    said.start_epoch(4)
    told.start_epoch(4)
    inputs, scores, _ = said[1]
    network = keras.saving.load_model(folder.model_path, compile=False)
    wanted = keras.ops.softmax(network.predict_on_batch(inputs))
    np.testing.assert_allclose(scores, np.asarray(wanted), atol=1e-5)
    again, mixed, _ = told[1]
    np.testing.assert_array_equal(inputs, again)
    labels = (mixed - 0.7 * scores) / 0.3
    np.testing.assert_allclose(labels, np.rint(labels), atol=1e-4)


def test_a_teacher_sees_the_same_picture_at_its_own_size(taught):
    """A pupil of small pictures learns from a teacher of large ones."""
    folder, job = taught
    teacher = open_teacher(folder.path, job.labels, job.split, 1.0)
    small = job.spec.model_copy(update={"height": 16, "width": 16})
    batches = TaughtBatches(
        job.root, job.split.training, small, job.labels, teacher=teacher, batch=8, seed=3
    )
    inputs, scores, _ = batches[0]
    assert inputs.shape == (8, 16, 16, 1)
    whole = TaughtBatches(
        job.root, job.split.training, job.spec, job.labels, teacher=teacher, batch=8, seed=3
    )
    np.testing.assert_allclose(scores, whole[0][1], atol=1e-5)


def test_a_run_with_a_teacher_learns_and_remembers_it(taught, data, tmp_path, tiny_options):
    """The option is kept with the run, so that a resumed one has the same teacher."""
    folder, _ = taught
    options = tiny_options.model_copy(update={"teacher": str(folder.path)})
    pupil = RunFolder(tmp_path / "pupil")
    job = begin_run(data, pupil, options, None)
    fit_network(job, pupil, FitProgress(Console(quiet=True), lambda: 0.0))
    history = pupil.read_history()
    assert history[-1].val_loss < history[0].val_loss
    assert pupil.read_options().teacher == str(folder.path)


def test_a_teacher_that_learned_our_test_pictures_is_refused(taught, data, tmp_path, tiny_options):
    """Its word on them would flatter every figure of the pupil."""
    folder, _ = taught
    other = tiny_options.model_copy(update={"seed": 9})
    job = begin_run(data, RunFolder(tmp_path / "other"), other, None)
    with pytest.raises(OptionError, match="has learned"):
        open_teacher(folder.path, job.labels, job.split, 0.5)


def test_a_teacher_of_other_labels_or_without_a_model_is_refused(taught):
    """Each in one sentence that says what to take."""
    folder, job = taught
    with pytest.raises(OptionError, match="labels"):
        open_teacher(folder.path, ("a", "b"), job.split, 0.5)
    folder.model_path.write_bytes(b"no model")
    with pytest.raises(RunError, match="cannot load the teacher"):
        open_teacher(folder.path, job.labels, job.split, 0.5)
