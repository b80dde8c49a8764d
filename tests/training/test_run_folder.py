"""A run folder is whole at any moment, and refuses what it cannot read in one line."""

import json

import pytest

from bundle.manifest import DataFacts, InputSpec, Thresholds
from training.config import TrainOptions
from training.dataset import Picture, Split
from training.errors import RunError
from training.run_folder import EpochRecord, FitState, RunCard, RunFolder, list_pictures

CARD = RunCard(
    network="tiny",
    labels=("bad", "ok"),
    defective=("bad",),
    input=InputSpec(height=32, width=32, frame_height=40, frame_width=40),
    data=DataFacts(fingerprint="0" * 64, pictures=3),
)
PICTURES = [Picture(f"{n}.png", "ok", f"{n:064x}", 40, 40) for n in range(3)]
LISTS = list_pictures(Split((PICTURES[0],), (PICTURES[1],), (PICTURES[2],)), ("broken.png",))
RECORD = EpochRecord(
    epoch=1,
    phase="all",
    size=32,
    learning_rate=0.1,
    loss=0.5,
    accuracy=0.8,
    val_loss=0.6,
    val_accuracy=0.7,
    pictures_per_s=9.0,
    duration_s=4.0,
)


class FakeModel:
    """Saves itself as a line of text."""

    def save(self, path):
        """Write the file."""
        path.write_text("model")


@pytest.fixture
def folder(tmp_path):
    """Return a run that was just begun."""
    folder = RunFolder(tmp_path / "run")
    folder.begin(TrainOptions(size=32), CARD, LISTS)
    return folder


def test_what_was_begun_is_read_back(folder):
    """Options, card and lists come back as they were; nothing is trained yet."""
    assert folder.read_options() == TrainOptions(size=32)
    assert folder.read_card() == CARD
    assert folder.read_card().defective_indices == (0,)
    assert folder.read_pictures() == LISTS
    assert folder.read_state() == FitState()
    assert folder.read_history() == ()


def test_seen_is_what_learned_and_what_decided(folder):
    """Pictures held out for test/ were not seen."""
    assert folder.read_pictures().seen == {f"{0:064x}", f"{1:064x}"}


def test_thresholds_come_later(folder):
    """The card is replaced when the run is finished."""
    limits = Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand")
    folder.write_card(CARD.model_copy(update={"thresholds": limits}))
    assert folder.read_card().thresholds == limits


def test_another_run_is_not_overwritten(folder, tmp_path):
    """A trained run, and a file in its place, are refused; one that learned nothing is not."""
    folder.refuse_other()
    folder.write_state(FitState(epochs=1))
    with pytest.raises(RunError, match="holds a run already: add --resume"):
        folder.refuse_other()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        RunFolder(tmp_path / "file").refuse_other()
    RunFolder(tmp_path / "new").refuse_other()


def test_a_folder_without_a_run_says_what_it_lacks(tmp_path):
    """Any other folder is no run."""
    with pytest.raises(RunError, match=r"is no run folder: it lacks run.json"):
        RunFolder(tmp_path).read_card()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"network": 3}'])
def test_a_damaged_card_is_one_line(folder, text):
    """Files that were cut or changed are named."""
    (folder.path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run.json is wrong: "):
        folder.read_card()


def test_the_history_is_read_back(folder):
    """Epochs come back; a damaged history is one line."""
    folder.write_history([RECORD])
    assert folder.read_history() == (RECORD,)
    (folder.path / "history.json").write_text("[{}]")
    with pytest.raises(RunError, match=r"history.json is wrong"):
        folder.read_history()


def test_old_checkpoints_go_when_the_state_names_another(folder):
    """The state is written before the old checkpoint goes, never the other way round."""
    for name in ("epoch-0001.keras", "epoch-0002.keras"):
        folder.save_model(FakeModel(), folder.checkpoint_path(name))
        folder.write_state(FitState(checkpoint=name))
        assert folder.checkpoint_path(folder.read_state().checkpoint).exists()
    assert not folder.checkpoint_path("epoch-0001.keras").exists()


def test_a_write_that_fails_leaves_the_old_file(folder):
    """A model that cannot be written costs nothing that was there."""

    class FullDisk:
        def save(self, path):
            path.write_text("half")
            raise OSError(28, "No space left on device")

    folder.save_model(FakeModel(), folder.model_path)
    with pytest.raises(RunError, match=r"cannot write .*model.keras: No space left"):
        folder.save_model(FullDisk(), folder.model_path)
    assert folder.model_path.read_text() == "model"


def test_no_file_holds_nan(folder):
    """NaN is no JSON, so it is refused rather than written."""
    with pytest.raises(ValueError, match="JSON compliant"):
        folder.write_json("metrics.json", {"auc": float("nan")})
    folder.write_json("metrics.json", {"auc": None})
    assert json.loads((folder.path / "metrics.json").read_text()) == {"auc": None}
