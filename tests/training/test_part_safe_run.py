"""A run on a split file learns, decides and is tested on whole parts, and can go on."""

import json

import pytest
from rich.console import Console

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

from training.assess import evaluate_judge
from training.dataset import read_index
from training.errors import DataError, OptionError, RunError
from training.finish import finish_run
from training.fit import fit_network
from training.pipeline import begin_run, plan_options, resume_run
from training.progress import FitProgress
from training.run_folder import RunFolder
from training.scoring import open_run_judge
from training.split_file import SplitFile, SplitPicture, apply_split

pytestmark = pytest.mark.train

SIDES = ("train", "train", "train", "validation", "test")


@pytest.fixture
def split(plain):
    """Return a split of ten pictures a class: two of each part, every fifth part tested."""
    pictures = []
    for number, each in enumerate(read_index(plain, "all").pictures):
        part = number // 2
        pictures.append(
            SplitPicture(
                name=each.name, sha256=each.sha256, label=each.label, part=part,
                side=SIDES[part % 5],
            )
        )  # fmt: skip
    return SplitFile(seed=4, fold=2, folds=5, pictures=tuple(pictures))


@pytest.fixture
def run(plain, split, tmp_path, tiny_options):
    """Return a finished run on that split, and what it measured."""
    folder = RunFolder(tmp_path / "run")
    job = begin_run(plain, folder, tiny_options, None, split)
    fit_network(job, folder, FitProgress(Console(quiet=True), lambda: 0.0))
    return folder, job, finish_run(job, folder)


def test_each_side_is_used_for_its_purpose_alone(run, plain, split):
    """Lists, test figures and the parts behind them are those of the file."""
    folder, job, tested = run
    lists = folder.read_pictures()
    sides = apply_split(read_index(plain, "all"), split)
    assert {each.sha256 for each in lists.training} == {each.sha256 for each in sides.training}
    assert lists.seen.isdisjoint(each.sha256 for each in sides.test)
    assert (lists.split.seed, lists.split.fold, lists.split.folds) == (4, 2, 5)
    assert tested.pictures == sides.test
    assert tested.part_safe
    assert sorted(set(tested.parts.tolist())) == [4, 9]
    assert len(job.split.training) == 12


def test_the_run_remembers_its_parts(run, plain):
    """Evaluated again it takes its own test side; other sides need the split file."""
    again = evaluate_judge(open_run_judge(run[0]), plain)
    assert (again.side, len(again.pictures), again.part_safe) == ("test", 4, True)
    with pytest.raises(DataError, match="--split FILE"):
        evaluate_judge(open_run_judge(run[0]), plain, "validation")


def test_what_was_learned_is_no_test(run, plain, split):
    """The validation side took part in the training: its pictures are left out, all of them."""
    with pytest.raises(DataError, match="trained on all 4 pictures"):
        evaluate_judge(open_run_judge(run[0]), plain, "validation", split=split)
    seen = evaluate_judge(
        open_run_judge(run[0]), plain, "validation", split=split, include_seen=True
    )
    assert (seen.included_seen, seen.part_safe) == (4, False)


def test_a_resumed_run_keeps_its_split(plain, split, tmp_path, tiny_options):
    """The split file is not asked for again, and a picture that went is noticed."""
    folder = RunFolder(tmp_path / "run")
    begun = begin_run(plain, folder, tiny_options, None, split)
    assert resume_run(plain, folder, {}, None).split == begun.split
    (plain / begun.split.test[0].name).unlink()
    with pytest.raises((RunError, DataError)):
        resume_run(plain, folder, {}, None)


def test_an_epoch_may_be_drawn_evenly(plain, split, tmp_path, tiny_options):
    """So many pictures a epoch, whatever the folder holds."""
    options = tiny_options.model_copy(update={"epoch_pictures": 40})
    job = begin_run(plain, RunFolder(tmp_path / "run"), options, None, split)
    assert job.epoch_pictures == 40
    assert job.part_of[job.split.training[0].sha256] == 0


def test_a_network_says_what_it_likes(tiny_options):
    """Its defaults stand where nothing was asked for, and give way where something was."""
    planned = plan_options(tiny_options.model_copy(update={"model": "mlp_mixer"}), None)
    assert planned.size == tiny_options.size
    from training.config import read_options

    liked = plan_options(read_options(None, {"model": "mlp_mixer"}), None)
    assert (liked.size, liked.weight_decay) == (160, 0.05)


def test_a_network_of_one_size_refuses_phases_of_two(plain, tmp_path):
    """Weights that mix places do not fit another number of them: one sentence, no traceback."""
    from training.config import parse_options

    phases = [
        {"name": "small", "epochs": 1, "learning_rate": 0.001, "scale": 0.5},
        {"name": "full", "epochs": 1, "learning_rate": 0.001},
    ]
    options = parse_options({"model": "mlp_mixer", "size": 64, "batch": 8, "phases": phases,
                             "validation_share": 0.2})  # fmt: skip
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(OptionError, match="give all of its phases the same scale"):
        fit_network(
            begin_run(plain, folder, options, None), folder,
            FitProgress(Console(quiet=True), lambda: 0.0),
        )  # fmt: skip


def test_metrics_say_that_they_are_part_safe(run):
    """What is read later says on what terms it was measured."""
    kept = json.loads((run[0].path / "metrics.json").read_text())
    assert kept["test"]["part_safe"] is True
    assert kept["test"]["side"] == "test"


def test_a_hasty_run_is_finished_without_balance_and_test_side(run):
    """It has thresholds all the same; its network stays as it is."""
    folder, job, _ = run
    before = folder.model_path.read_bytes()
    assert finish_run(job, folder, hasty=True) is None
    assert folder.read_json("metrics.json")["test"] is None
    assert folder.read_card().thresholds is not None
    assert folder.model_path.read_bytes() == before
