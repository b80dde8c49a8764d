"""That the converter's output goes to its log, and only that."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from export.errors import ExportError
from export.quiet import begin_log, converter_output


def test_what_c_code_prints_goes_to_the_log(tmp_path, capfd):
    """File descriptors are redirected, and are as before afterwards."""
    log = tmp_path / "logs" / "export.log"
    with converter_output(log):
        os.write(1, b"from C, out\n")
        os.write(2, b"from C, error\n")
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "after\n"
    assert {"from C, out", "from C, error"} <= set(log.read_text().splitlines())


def test_an_error_inside_gives_the_terminal_back(tmp_path, capfd):
    """A failing converter leaves no redirected terminal and no open file behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(RuntimeError), converter_output(tmp_path / "log"):
        raise RuntimeError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_warnings_of_the_converter_are_no_errors(tmp_path):
    """TensorFlow's own deprecations stop nobody's export."""
    with converter_output(tmp_path / "log"):
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)


def test_a_second_block_adds_to_the_log(tmp_path):
    """All steps of one export share a log."""
    for text in (b"one\n", b"two\n"):
        with converter_output(tmp_path / "log"):
            os.write(1, text)
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    """The path is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file"), converter_output(tmp_path / "file" / "log"):
        pass
    with pytest.raises(ExportError, match="file"):
        begin_log(tmp_path / "file" / "log")


def test_an_old_log_is_begun_anew(tmp_path):
    """The log holds one export, not all of them."""
    (tmp_path / "log").write_text("of yesterday")
    begin_log(tmp_path / "log")
    assert (tmp_path / "log").read_bytes() == b""
