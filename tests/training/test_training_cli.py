"""`train` and `evaluate` as an engineer types them."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from bundle.errors import ArchiveError
from training.commands import evaluate, train
from training.errors import DataError, ModelError, OptionError, RunError

RECIPE = """
model = "tiny"
size = 32
batch = 8
validation_share = 0.2
workers = 1
"""

LEFT = (
    *("config.json", "run.json", "pictures.json", "history.json", "environment.json"),
    *("metrics.json", "model.keras", "plots/history.png", "plots/test-confusion.png"),
    *("plots/test-roc.png", "plots/test-scores.png"),
)


@pytest.fixture
def run_cli():
    """Return a function that runs a command line and raises what it raised."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("train")(train.train)
    app.command("evaluate")(evaluate.evaluate)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def recipe(tmp_path):
    """Return a configuration of a run that takes seconds."""
    file = tmp_path / "train.toml"
    file.write_text(RECIPE)
    return file


@pytest.mark.train
def test_a_run_from_pictures_to_figures(run_cli, data, recipe, tmp_path):
    """Training leaves a whole run folder, and evaluating it gives what the training said."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    run = tmp_path / "run"
    said = run_cli(
        "train", data, "--out", run, "--config", recipe, "--weights", "none", "--epochs", 3
    )
    assert "32 pictures to learn from, 8 to validate with" in said.stdout
    assert "12 pictures (test)" in said.stdout
    for name in LEFT:
        assert (run / name).stat().st_size > 0
    for path in run.rglob("*.json"):
        assert str(tmp_path) not in path.read_text()
    found = json.loads(run_cli("evaluate", "--run", run, "--data", data, "--json").stdout)
    kept = json.loads((run / "metrics.json").read_text())
    assert found == kept["test"]
    assert found["pictures"] == 12
    assert (
        found["at_thresholds"]["reject_at"]
        == json.loads((run / "run.json").read_text())["thresholds"]["reject_at"]
    )
    # Resuming a finished run changes nothing; another run does not overwrite it.
    run_cli("train", data, "--out", run, "--weights", "none", "--resume")
    assert json.loads((run / "metrics.json").read_text()) == kept
    with pytest.raises(RunError, match="holds a run already"):
        run_cli("train", data, "--out", run, "--config", recipe, "--weights", "none")
    # Every picture of train/ was learned from or decided by: no figure comes from them.
    with pytest.raises(DataError, match="trained on all 40 pictures"):
        run_cli("evaluate", "--run", run, "--data", data, "--side", "train")
    both = run_cli("evaluate", "--run", run, "--data", data, "--side", "all")
    assert "40 pictures were seen in training: left out" in both.stderr
    assert "tp " in both.stdout


@pytest.mark.train
def test_twins_of_test_pictures_are_not_learned(run_cli, data, recipe, tmp_path):
    """A training picture that stands in test/ too stays out, so test/ can be measured whole."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    twin = data / "train" / "ok" / "twin.png"
    twin.write_bytes((data / "test" / "ok" / "000.png").read_bytes())
    run = tmp_path / "run"
    said = run_cli(
        "train", data, "--out", run, "--config", recipe, "--weights", "none", "--epochs", 1
    )
    assert "1 pictures stand in test/ too" in said.stdout
    lists = json.loads((run / "pictures.json").read_text())
    assert [each["name"] for each in lists["also_in_test"]] == ["train/ok/twin.png"]
    assert json.loads((run / "metrics.json").read_text())["test"]["pictures"] == 12


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("train", "{none}", "--out", "{out}"), DataError, "no data folder"),
        (("train", "{data}", "--out", "{out}", "--size", "100"), OptionError, "size"),
        (("train", "{data}", "--out", "{out}", "--model", "resnet"), OptionError, "resnet"),
        (("train", "{data}", "--out", "{out}", "--resume"), RunError, "no run folder"),
        (("evaluate", "--data", "{data}", "--run", "{out}"), RunError, "no run folder"),
        (("evaluate", "--data", "{data}", "--bundle", "{none}"), ArchiveError, "cannot read"),
    ],
)
@pytest.mark.train
def test_bad_input_is_our_own_error(run_cli, data, tmp_path, arguments, error, message):
    """Each fault is one line of ours, and no run folder is left behind."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    places = {"data": data, "out": tmp_path / "out", "none": tmp_path / "none"}
    with pytest.raises(error, match=message) as caught:
        run_cli(*(argument.format(**places) for argument in arguments))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("--bundle", "a.lwb", "--run", "b")])
def test_evaluate_needs_one_model(run_cli, data, arguments):
    """Neither or both is wrong usage: exit code 2."""
    result = run_cli("evaluate", "--data", data, *arguments, code=2)
    assert "give one of --bundle and --run" in result.stderr


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_help_has_an_example(run_cli, command):
    """Every command shows how it is typed."""
    assert f"Example: linewarden {command}" in run_cli(command, "--help").stdout


def test_a_stop_by_the_user_says_how_to_go_on(run_cli, data, tmp_path, monkeypatch):
    """Ctrl-C ends in one line that names --resume."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "_train", interrupt)
    with pytest.raises(RunError, match="--resume"):
        run_cli("train", data, "--out", tmp_path / "out")


def test_judging_a_bundle_needs_no_keras(plain, tmp_path):
    """The way to a bundle's scores imports neither Keras nor TensorFlow nor matplotlib."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from training import errors\n"
        "from training.commands import evaluate\n"
        "from bundle.errors import BundleError\n"
        f"Path({str(tmp_path / 'bad.lwb')!r}).write_bytes(b'no bundle')\n"
        "try:\n"
        f"    evaluate.evaluate(Path({str(plain)!r}), bundle=Path({str(tmp_path / 'bad.lwb')!r}))\n"
        "except BundleError:\n"
        "    pass\n"
        "import training.assess, training.tflite\n"
        "print([n for n in ('keras', 'tensorflow', 'matplotlib') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_that_was_never_kept_is_said(tmp_path):
    """A run that ended in its first epoch has no model yet."""
    from training.scoring import load_keras_model

    with pytest.raises(ModelError, match="before its first epoch"):
        load_keras_model(tmp_path / "model.keras")


def test_all_networks_are_trained_one_after_the_other(run_cli, data, tmp_path, monkeypatch):
    """Each into a folder of its name; with --resume finished ones are left alone."""
    begun = []
    monkeypatch.setattr(train, "_train", lambda *values: begun.append((values[1], values[7])))
    out = tmp_path / "runs"
    run_cli("train", data, "--out", out, "--model", "all", "--weights", "none")
    assert [run.name for run, _ in begun] == [
        "cnn", "efficientnet_b0", "mlp_mixer", "mobilenet_v2"
    ]  # fmt: skip
    assert not any(resumed for _, resumed in begun)
    begun.clear()
    for name, file in (("cnn", "metrics.json"), ("mlp_mixer", "config.json")):
        (out / name).mkdir(parents=True)
        (out / name / file).touch()
    run_cli("train", data, "--out", out, "--model", "all", "--weights", "none", "--resume")
    assert [(run.name, resumed) for run, resumed in begun] == [
        ("efficientnet_b0", False), ("mlp_mixer", True), ("mobilenet_v2", False)
    ]  # fmt: skip


def test_one_file_is_not_for_all_networks(run_cli, data, tmp_path):
    """The weights of one network do not fit another: pairs are asked for."""
    told = run_cli("train", data, "--out", tmp_path / "x", "--model", "all", "--weights", "a.h5",
                   code=2)  # fmt: skip
    assert "NETWORK=FILE" in told.output
