"""The sub-command export as a technician types it."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from bundle.archive import open_archive
from export.cli import export

MARKS = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def run(*arguments):
    """Run the command with these arguments."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(export)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_without_data_there_is_one_line_and_exit_code_2(tmp_path):
    """Float and int8 cannot be compared on nothing."""
    result = run("--run", tmp_path, "--out", tmp_path / "x.lwb")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "--data DIR" in result.stderr


def test_help_shows_an_example():
    """Somebody who types --help sees how it goes."""
    assert "linewarden export --run" in run("--help").output


class TestExport:
    """The whole command."""

    pytestmark = MARKS

    def test_a_run_is_exported_in_few_lines(self, workshop, tmp_path):
        """The converter's lines are in the run's log; the figures are on the screen."""
        out = tmp_path / "tiny-2.0.0.lwb"
        line = tmp_path / "agent.toml"
        line.write_text('[camera]\ndriver = "v4l2"\nwidth = 40\nheight = 40\nexposure_us = 900\n')
        result = run(
            *("--run", workshop.run, "--data", workshop.data, "--out", out, "--name", "tiny"),
            *("--version", "2.0.0", "--release", 7, "--latency", "--camera", line),
        )
        assert result.exit_code == 0, result.output
        assert len(result.output.splitlines()) < 15
        assert "test: 24 pictures" in result.output
        assert "operators all int8" in result.output
        archive = open_archive(out)
        assert (archive.title, archive.manifest.release) == ("tiny-2.0.0", 7)
        assert b"invoke, int8, median" in archive.contents["card.html"]
        assert archive.manifest.camera.exposure_us == 900
        assert archive.manifest.needs_agent == "0.1"
        assert b"camera: pixels mjpeg, exposure_us 900, gain left" in archive.contents["card.html"]
        assert (workshop.run / "export.log").stat().st_size > 0
