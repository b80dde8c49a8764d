"""A worker that is not the chief trains on the chief's run, or says why it cannot."""

import shutil

import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

from training.errors import RunError
from training.follow import follow_chief, send_run
from training.pipeline import begin_run
from training.run_folder import RunFolder
from training.strategy import OneProcess

pytestmark = pytest.mark.train


class Wire(OneProcess):
    """Stands for two processes that take part one after the other."""

    def __init__(self, is_chief=True):
        self.is_chief = is_chief
        self.sent = []

    def share(self, text):
        """Keep what the chief says; give it to the other."""
        if self.is_chief:
            self.sent.append(text)
        return self.sent.pop(0) if not self.is_chief and self.sent else text

    def fit_epoch(self, model, batches, callback):
        """Note what was asked for, and train."""
        self.asked = (batches.epoch_pictures, model.input_shape)
        return super().fit_epoch(model, batches, callback)


def _sent(data, tmp_path, options):
    folder = RunFolder(tmp_path / "chief")
    begin_run(data, folder, options, None)
    wire = Wire()
    send_run(wire, folder)
    wire.is_chief = False
    return wire


def test_a_follower_has_the_chiefs_options_and_pictures(data, tmp_path, tiny_options):
    """From a copy of the pictures at another place; nothing is kept there or in the folder."""
    wire = _sent(data, tmp_path, tiny_options)
    copy = shutil.copytree(data, tmp_path / "copy")
    before = sorted(tmp_path.rglob("*"))
    follow_chief(wire, copy)
    assert wire.asked == (32, (None, 32, 32, 1))
    assert sorted(tmp_path.rglob("*")) == before


def test_other_pictures_are_refused(data, tmp_path, tiny_options):
    """A picture less, and the shares would not be of the same batch."""
    wire = _sent(data, tmp_path, tiny_options)
    (data / "train" / "ok" / "003.png").unlink()
    with pytest.raises(RunError, match=f"the pictures in {data} are not those that the chief"):
        follow_chief(wire, data)


def test_another_linewarden_is_told(data, tmp_path, tiny_options):
    """An order that cannot be read is no traceback."""
    wire = _sent(data, tmp_path, tiny_options)
    wire.sent = [wire.sent[0].replace('"batch"', '"pictures_per_step"')]
    with pytest.raises(RunError, match="all machines need the same linewarden"):
        follow_chief(wire, data)
