"""`evaluate` with a split file and a folder for its page, as an engineer types it."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bundle.manifest import InputSpec, Thresholds
from training.commands import evaluate
from training.dataset import read_index
from training.errors import DataError, OptionError
from training.scoring import Judge
from training.split_file import SplitFile, SplitPicture, write_split


def _dark_is_bad(batch):
    dark = (batch[:, 8:24, 8:24] < 100).mean(axis=(1, 2, 3)) * 60.0
    return np.stack([dark - 2.0, np.zeros(len(batch))], axis=1).astype(np.float32)


@pytest.fixture
def run_cli(monkeypatch):
    """Return a function that runs the command on a stand-in for a bundle."""
    judge = Judge(
        title="by hand",
        infer=_dark_is_bad,
        input=InputSpec(height=32, width=32, frame_height=40, frame_width=40),
        labels=("bad", "ok"),
        defective=("bad",),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand"),
    )
    monkeypatch.setattr("training.scoring.open_bundle_judge", lambda _path, _threads: judge)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(evaluate.evaluate)

    def run(*arguments, code=0):
        given = ["--bundle", "stand-in.lwb", *(str(one) for one in arguments)]
        result = CliRunner().invoke(app, given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def split(data, tmp_path):
    """Return a split file of the data: two pictures a part, every fifth part in the test."""
    pictures = tuple(
        SplitPicture(
            name=each.name, sha256=each.sha256, label=each.label, part=place // 2,
            side="test" if place // 2 % 5 == 0 else "train",
        )
        for place, each in enumerate(read_index(data).pictures)
    )  # fmt: skip
    path = tmp_path / "split.json"
    write_split(path, SplitFile(seed=0, pictures=pictures))
    return path


def test_the_split_file_says_pictures_and_parts(run_cli, data, split):
    """Its test side is taken, and the figures by part are there; --side names another."""
    found = json.loads(run_cli("--data", data, "--split", split, "--json").stdout)
    assert (found["side"], found["pictures"]) == ("test", 12)
    assert found["by_part"]["at_half"]["defective_parts"] == 3
    assert found["intervals_by_part"].keys() >= {"accuracy", "recall", "f1", "auc"}
    learned = run_cli("--data", data, "--split", split, "--side", "train", "--json")
    assert json.loads(learned.stdout)["pictures"] == 40
    plain = json.loads(run_cli("--data", data, "--json").stdout)
    assert (plain["side"], plain["by_part"]) == ("test", None)


def test_the_page_is_written_beside_the_figures(run_cli, data, split, tmp_path):
    """--out and --json go together: the answer is one JSON object, and the file holds the same."""
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")
    out = tmp_path / "report"
    said = run_cli("--data", data, "--split", split, "--out", out, "--json")
    assert json.loads(said.stdout) == json.loads((out / "evaluation.json").read_text())
    assert "evaluation.html" in said.stderr
    page = (out / "evaluation.html").read_text()
    assert "hiding this lowers the score" in page
    assert 'alt="heat map: Grad-CAM' not in page
    lines = run_cli("--data", data, "--split", split).stdout
    assert "by part, at the thresholds: " in lines
    assert "95 % by part" in lines
    assert "false rejects at 99 % recall" in lines


def test_what_cannot_be_is_said_before_a_model_loads(run_cli, data, tmp_path, monkeypatch):
    """A file in the way, a missing split, and a library that is not there: one line each."""
    monkeypatch.setattr("training.scoring.open_bundle_judge", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="names a folder"):
        run_cli("--data", data, "--out", tmp_path / "file")
    with pytest.raises(DataError, match="cannot read the split file"):
        run_cli("--data", data, "--split", tmp_path / "none.json")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(OptionError, match=r"jinja2 and matplotlib: pip install"):
        run_cli("--data", data, "--out", tmp_path / "report")


def test_a_side_that_only_a_split_has_is_said(run_cli, data):
    """Folders have no validation side."""
    with pytest.raises(DataError, match="--split FILE"):
        run_cli("--data", data, "--side", "validation")
