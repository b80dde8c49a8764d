"""Run folders become runs of a comparison; what is missing stays out, what is wrong is one line."""

import pytest
from run_folders import damage, figures, write_run

from training.comparison.read import read_run, read_runs
from training.comparison.records import Estimate, SplitKind
from training.errors import RunError


def test_a_finished_run_is_read_whole(tmp_path):
    """Network, split, figures with their intervals, thresholds and times come out as written."""
    test = figures(381, 1, 3, 234, line=(2, 5, 9))
    run = read_run(write_run(tmp_path / "run", "mobilenet_v2", test=test), "run")
    assert (run.network, run.split, run.state) == ("mobilenet_v2", SplitKind("folders"), "finished")
    assert run.input_size == (224, 224, 1)
    assert run.thresholds == (0.5, 0.2)
    assert run.duration_s == 180.0
    assert (run.test.confusion.fn, run.test.confusion.fp) == (1, 3)
    accuracy = run.test.metrics["accuracy"]
    assert accuracy.value == pytest.approx(615 / 619)
    assert (accuracy.low, accuracy.high) == tuple(test["intervals"]["accuracy"])
    assert accuracy.basis == "pictures"
    assert (run.test.line.escapes, run.test.line.false_rejects, run.test.line.rechecks) == (2, 5, 9)
    assert run.test.parts is None
    assert run.validation.pictures == 81


def test_figures_by_part_go_before_those_by_picture(tmp_path):
    """Where parts are known, the interval over parts is the one that counts."""
    test = figures(90, 10, 2, 98, parts=(30, 6, 20, 1), intervals_by_part={"accuracy": [0.8, 0.97]})
    run = read_run(write_run(tmp_path / "run", test=test, fold=(2, 3)), "run")
    assert run.split == SplitKind("part-safe", 2, 3, 7)
    assert run.split.label == "part-safe, fold 2 of 3"
    assert run.test.metrics["accuracy"] == Estimate(0.94, 0.8, 0.97, "parts")
    parts = run.test.line.parts
    assert (parts.defective, parts.escaped, parts.good, parts.rejected) == (30, 6, 20, 1)
    assert parts.recall.value == pytest.approx(0.8)
    assert parts.recall.low < 0.8 < parts.recall.high


def test_false_rejects_at_99_recall_are_counted_on_good_pictures(tmp_path):
    """The rate comes with Wilson's interval over the good pictures."""
    point = {"false_rejects": 4, "false_reject_rate": 0.04, "threshold": 0.3}
    test = figures(99, 1, 2, 98, escapes={"at_99_recall_by_picture": point, "points": []})
    found = read_run(write_run(tmp_path / "run", test=test), "run").test.false_rejects_at_99
    assert found.value == 0.04
    assert found.low < 0.04 < found.high


def test_keys_of_later_versions_do_no_harm(tmp_path):
    """metrics.json may hold more than is read here."""
    test = figures(9, 1, 0, 10, calibration={"ece": 0.1}, roc=[1, 2], part_safe=True)
    path = write_run(tmp_path / "run", test=test)
    assert read_run(path, "run").test.pictures == 20


def test_the_training_accuracy_is_that_of_the_kept_epoch(tmp_path):
    """The model that is kept is the one with the lowest validation loss, here the last."""
    run = read_run(write_run(tmp_path / "run", epochs=4), "run")
    assert run.training.value == run.history[-1].accuracy
    assert read_run(write_run(tmp_path / "new", epochs=0, finished=False), "n").training is None


def test_an_unfinished_run_is_a_row_without_figures(tmp_path):
    """Before its metrics are written, a run says how far it came."""
    run = read_run(write_run(tmp_path / "run", finished=False, epochs=2), "run")
    assert run.test is None
    assert run.state == "unfinished after 2 epochs"
    assert run.model_bytes is None


def test_a_run_without_test_pictures_says_so(tmp_path):
    """A data folder without test/ leaves validation figures only."""
    run = read_run(write_run(tmp_path / "run"), "run")
    assert (run.state, run.test) == ("no test pictures", None)
    assert run.validation is not None


def test_what_is_no_run_is_one_line(tmp_path):
    """A path that is not there, a file, another folder, an empty list."""
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for paths, message in (
        ([tmp_path / "none"], "there is no .*none"),
        ([tmp_path / "file"], "file is no run folder"),
        ([tmp_path / "empty"], r"is no run folder: it lacks run.json"),
        ([], "at least one run folder"),
    ):
        with pytest.raises(RunError, match=message) as caught:
            read_runs(paths)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", {"test": {"pictures": "many"}}, r"metrics.json is wrong: test.pictures"),
        ("metrics.json", [1], r"metrics.json is wrong"),
        ("config.json", [1], r"config.json is wrong: it must hold one JSON object"),
        ("history.json", [{}], r"history.json is wrong"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, name, content, message):
    """A file that was changed by hand is named."""
    path = write_run(tmp_path / "run", test=figures(1, 0, 0, 1))
    damage(path, name, content)
    with pytest.raises(RunError, match=message) as caught:
        read_run(path, "run")
    assert "\n" not in str(caught.value)


def test_one_run_named_twice_is_refused(tmp_path):
    """Its figures would count twice, under whatever path it is named."""
    path = write_run(tmp_path / "run")
    with pytest.raises(RunError, match="are the same run"):
        read_runs([path, tmp_path / "other" / ".." / "run"])


def test_runs_of_one_name_are_told_apart(tmp_path):
    """Two folders called alike are named with the folder they lie in."""
    paths = [write_run(tmp_path / place / "cnn") for place in ("a", "b")]
    paths.append(write_run(tmp_path / "a" / "mixer"))
    assert [run.name for run in read_runs(paths)] == ["a/cnn", "b/cnn", "mixer"]
