"""The sub-command audit: what it prints, writes and exits with."""

import json

import pytest
import typer
from audit_data import draw_textured, write_known_parts, write_picture
from typer.testing import CliRunner

from training.commands.audit import audit
from training.errors import DataError, OptionError
from training.split_file import read_split

APP = typer.Typer(pretty_exceptions_enable=False)
APP.command("audit")(audit)


def run(*arguments):
    """Call the command and give its errors to the test."""
    return CliRunner().invoke(APP, [str(each) for each in arguments], catch_exceptions=True)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """Return a folder whose parts stand on both sides, and the options that all calls share."""
    root = tmp_path_factory.mktemp("leaky")
    write_known_parts(root / "data", 5)
    return root / "data", ("--out", root / "out", "--cache", root / "cache")


def test_findings_are_short_lines_and_exit_with_0(leaky):
    """An audit that finds much has done what it was asked to."""
    result = run(leaky[0], *leaky[1])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("60 pictures of 10 parts in")
    assert lines[1].startswith("  grave    100.0% of the pictures in test/")
    assert lines[-1] == f"the report is {leaky[1][1] / 'audit.html'}"
    assert leaky[1][1].joinpath("audit.html").is_file()


def test_strict_exits_with_1_on_a_leak(leaky):
    """For a pipeline that must not train on such pictures; the report is written all the same."""
    assert run(leaky[0], *leaky[1], "--strict").exit_code == 1


def test_strict_is_content_with_clean_parts(tmp_path):
    """Neither leak nor contradiction: 0, whatever else was found."""
    for number in range(4):
        write_picture(tmp_path / "d" / ("bad", "ok")[number % 2] / f"{number}.png",
                      draw_textured(number))  # fmt: skip
    options = ("--out", tmp_path / "o", "--cache", tmp_path / "c", "--strict")
    assert run(tmp_path / "d", *options).exit_code == 0


def test_json_is_one_object_alone(leaky):
    """A program may read standard output as it is."""
    result = run(leaky[0], *leaky[1], "--json")
    figures = json.loads(result.stdout)
    assert figures["leaks"][0]["shared_parts"] == 10
    assert figures == json.loads((leaky[1][1] / "audit.json").read_text())


def test_folds_are_written(leaky, tmp_path):
    """Each fold is a part-safe split of all pictures with the seed that was given."""
    result = run(leaky[0], *leaky[1], "--write-split", tmp_path / "s.json", "--folds", 3,
                 "--seed", 7)  # fmt: skip
    assert result.exit_code == 0
    splits = [read_split(tmp_path / f"s-fold{fold}.json") for fold in (1, 2, 3)]
    tested = [picture.name for split in splits for picture in split.side("test")]
    assert sorted(tested) == sorted(picture.name for picture in splits[0].pictures)
    assert {split.seed for split in splits} == {7}
    assert f"the split is {tmp_path / 's-fold3.json'}" in result.stdout


def test_the_report_leaves_the_split_as_it_is_for_the_trainer(leaky, tmp_path):
    """The trainer's own index takes the split without a complaint."""
    from training.dataset import read_index
    from training.split_file import apply_split

    run(leaky[0], *leaky[1], "--write-split", tmp_path / "s.json")
    split = apply_split(read_index(leaky[0], "all"), read_split(tmp_path / "s.json"))
    assert len(split.training) + len(split.validation) + len(split.test) == 60


def test_wrong_options_are_said_before_the_work(leaky):
    """Shares that leave nothing, and folds together with a test share."""
    result = run(leaky[0], *leaky[1], "--test-share", 0.95)
    assert isinstance(result.exception, OptionError)
    assert run(leaky[0], *leaky[1], "--folds", 3, "--test-share", 0.3).exit_code == 2


def test_one_class_is_one_line(tmp_path):
    """A folder with one class is refused with a sentence."""
    write_picture(tmp_path / "ok" / "0.png", draw_textured(0))
    result = run(tmp_path, "--cache", tmp_path / "c", "--out", tmp_path / "o")
    assert isinstance(result.exception, DataError)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "o").exists()


def test_a_cache_that_cannot_be_used_is_a_warning(leaky, tmp_path):
    """The audit goes on without it."""
    (tmp_path / "taken").write_text("x")
    result = run(leaky[0], "--out", tmp_path / "o", "--cache", tmp_path / "taken")
    assert result.exit_code == 0
    assert "warning: the cache" in result.stderr
