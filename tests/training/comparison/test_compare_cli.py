"""`linewarden compare` as an engineer types it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from training.commands import compare, train
from training.dataset import read_index
from training.errors import DataError, OptionError, RunError
from training.split_file import SplitFile, SplitPicture, write_split

pytestmark = pytest.mark.train


@pytest.fixture
def run_cli():
    """Return a function that runs a command line and raises what it raised."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("compare")(compare.compare)
    app.command("train")(train.train)

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return run


@pytest.fixture
def recipe(tmp_path):
    """Return a configuration of a run that takes seconds."""
    file = tmp_path / "train.toml"
    file.write_text('model = "tiny"\nsize = 32\nbatch = 8\nvalidation_share = 0.2\nworkers = 1\n')
    return file


@pytest.fixture
def trained(run_cli, recipe, data, tmp_path):
    """Return a run of a tiny network."""
    run = tmp_path / "run"
    run_cli(
        *("train", data, "--out", run, "--config", recipe),
        *("--weights", "none", "--epochs", 2),
    )
    return run


def test_a_real_run_is_compared_whole(run_cli, trained, data, tmp_path):
    """Figures, costs and training accuracy of a trained run; the page is written."""
    said = run_cli("compare", trained, "--out", tmp_path / "out", "--data", data)
    assert "tiny" in said.stdout
    assert "nothing yet for parts never seen" in said.stdout
    assert f"the page is {tmp_path / 'out' / 'compare.html'}" in said.stdout
    assert "tested on the folders as given" in said.stderr
    content = json.loads((tmp_path / "out" / "compare.json").read_text())
    (entry,) = content["entries"]
    kept = json.loads((trained / "metrics.json").read_text())
    assert entry["test"]["metrics"]["accuracy"]["value"] == kept["test"]["accuracy"]
    # One convolution of 5 x 5 at a stride of 4, eight filters, and the dense layer.
    assert entry["cost"]["macs"] == 7 * 7 * 25 * 8 + 8 * 2
    assert entry["cost"]["latency_ms"] > 0
    assert entry["runs"][0]["training_basis"] == "on 32 training pictures as they are"
    assert 0.0 <= entry["training"]["value"] <= 1.0


def _write_folds(data, tmp_path):
    """Write two split files: each picture is a part of its own, every other one is tested."""
    pictures = read_index(data).pictures
    paths = []
    for fold in (1, 2):
        sides = ("test", "train", "test", "validation") if fold == 1 else ("train", "test") * 2
        listed = tuple(
            SplitPicture(
                name=each.name,
                sha256=each.sha256,
                label=each.label,
                part=place,
                side="validation" if fold == 2 and place % 8 == 0 else sides[place % 4],
            )
            for place, each in enumerate(pictures)
        )
        paths.append(tmp_path / f"fold{fold}.json")
        write_split(paths[-1], SplitFile(seed=3, fold=fold, folds=2, pictures=listed))
    return paths


def test_folds_of_a_part_safe_split_are_joined(run_cli, recipe, data, tmp_path):
    """Two real runs on two folds: one row, with parts counted, and it is what holds."""
    runs = []
    for place, split in enumerate(_write_folds(data, tmp_path), start=1):
        runs.append(tmp_path / f"fold-{place}")
        run_cli(
            *("train", data, "--out", runs[-1], "--config", recipe, "--split", split),
            *("--weights", "none", "--epochs", 1),
        )
    content = json.loads(run_cli("compare", *runs, "--no-latency", "--json").stdout)
    (entry,) = content["entries"]
    assert entry["split"] == "part-safe, all 2 folds"
    assert entry["test"]["pictures"] == 52
    parts = entry["test"]["line"]["parts"]
    assert (parts["defective"], parts["good"]) == (26, 26)
    assert entry["test"]["false_rejects_at_99"] is not None
    assert entry["test"]["false_rejects_at_99_by_part"] is not None
    assert content["claims"][0]["holds"]


def test_json_is_one_object_and_latency_can_be_left_out(run_cli, trained):
    """A program reads the standard output alone."""
    content = json.loads(run_cli("compare", trained, "--no-latency", "--json").stdout)
    assert content["entries"][0]["cost"]["latency_ms"] is None


def test_the_training_accuracy_needs_the_pictures_it_was_trained_on(run_cli, trained, plain):
    """Another folder has none of them."""
    with pytest.raises(DataError, match="has none of the pictures that"):
        run_cli("compare", trained, "--data", plain)


def test_no_run_folder_is_said_before_anything_loads(run_cli, tmp_path):
    """The fault is ours, in one line."""
    with pytest.raises(RunError, match="there is no"):
        run_cli("compare", tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="is a file; --out names a folder"):
        run_cli("compare", tmp_path / "none", "--out", tmp_path / "file")
