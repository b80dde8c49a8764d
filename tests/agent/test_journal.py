"""Levels reach the journal, and a terminal shows plain lines."""

from __future__ import annotations

import logging
import os

import pytest

from agent.journal import JournalFormatter, formatter_for, priority


def _record(level, text):
    return logging.LogRecord("linewarden.gate", level, __file__, 1, text, None, None)


@pytest.mark.parametrize(
    ("level", "number"),
    [
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (logging.INFO, 6),
        (logging.DEBUG, 7),
        (5, 7),
    ],
)
def test_every_level_has_its_priority(level, number):
    """syslog(3) counts down: 3 is an error, 6 information."""
    assert priority(level) == number


def test_every_line_of_a_message_has_the_priority():
    """A traceback is no error in its first line and news in the others."""
    text = JournalFormatter("%(name)s: %(message)s").format(_record(logging.ERROR, "a\nb"))
    assert text == "<3>linewarden.gate: a\n<3>b"


def test_only_the_stream_that_goes_to_the_journal_is_marked(tmp_path):
    """JOURNAL_STREAM is handed on to children whose output goes elsewhere."""
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        right = f"{status.st_dev}:{status.st_ino}"
        record = _record(logging.WARNING, "gone")
        assert formatter_for(stream, right).format(record) == "<4>linewarden.gate: gone"
        for other in (None, "", "1:2"):
            plain = formatter_for(stream, other).format(record)
            assert plain == "level=WARNING linewarden.gate: gone"
