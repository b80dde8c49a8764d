"""The rendered data set: its folders, its truth, and what it refuses."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from agent.errors import DemoError
from agent.sim import render as render_module
from agent.sim.cli import render
from agent.sim.render import RenderPlan, render_folder

PLAN = RenderPlan(train=6, test=4, seed=1, defect_share=0.5, size=96)


def _pictures(folder):
    return {
        str(path.relative_to(folder)): cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted(folder.rglob("*.png"))
    }


def test_a_folder_per_split_and_class_is_written(tmp_path):
    """Half of each split is defective and every picture is gray and of the wanted size."""
    told = []
    assert render_folder(tmp_path / "out", PLAN, told.append) == 10
    counts = {
        (split, label): len(list((tmp_path / "out" / split / label).glob("*.png")))
        for split in ("train", "test")
        for label in ("def_front", "ok_front")
    }
    assert list(counts.values()) == [3, 3, 2, 2]
    assert told == list(range(1, 11))
    assert {image.shape for image in _pictures(tmp_path / "out").values()} == {(96, 96)}


def test_every_part_is_new(tmp_path):
    """No two pictures of train and test show the same part."""
    render_folder(tmp_path / "out", PLAN)
    images = list(_pictures(tmp_path / "out").values())
    for index, image in enumerate(images):
        for other in images[index + 1 :]:
            assert np.mean(image != other) > 0.5


def test_the_truth_lists_defective_pictures_and_no_other(tmp_path):
    """truth.csv has at least one row per defective picture."""
    render_folder(tmp_path / "out", PLAN)
    with (tmp_path / "out" / "truth.csv").open(encoding="utf-8") as file:
        named = {row["picture"] for row in csv.DictReader(file)}
    assert named == {name for name in _pictures(tmp_path / "out") if "/def_front/" in name}


def test_the_same_seed_renders_the_same_data(tmp_path):
    """A data set can be made again from its four numbers."""
    render_folder(tmp_path / "one", PLAN)
    render_folder(tmp_path / "two", PLAN)
    one, two = _pictures(tmp_path / "one"), _pictures(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path):
    """Pictures are never mixed with what is there."""
    (tmp_path / "empty").mkdir()
    render_folder(tmp_path / "empty", RenderPlan(1, 0, 1, size=96))
    with pytest.raises(DemoError, match="new or empty"):
        render_folder(tmp_path / "empty", PLAN)
    (tmp_path / "file").write_text("mine", "utf-8")
    with pytest.raises(DemoError, match="new or empty"):
        render_folder(tmp_path / "file", PLAN)
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_an_interrupted_rendering_leaves_nothing(tmp_path):
    """Ctrl-C in the middle leaves neither the folder nor its beginning."""

    def stop(_done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_folder(tmp_path / "out", PLAN, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    """An error of the file system names the folder and leaves nothing behind."""

    def full(_path, _casting):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render_module, "_write_picture", full)
    with pytest.raises(DemoError, match=r"cannot write the pictures to .*No space left"):
        render_folder(tmp_path / "out", PLAN)
    assert list(tmp_path.iterdir()) == []


def test_the_command_renders_and_says_how_many(tmp_path):
    """`linewarden render` makes the folder and prints one line."""
    app = typer.Typer()
    app.command()(render)
    arguments = [str(tmp_path / "out"), "--train", "2", "--test", "2", "--size", "96"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "4 parts drawn into" in result.output
    assert len(_pictures(tmp_path / "out")) == 4
