"""Log lines for the systemd journal, with their level; plain lines for a terminal."""

from __future__ import annotations

import logging
import os
from typing import TextIO

# syslog(3): what journald reads from <N> at the start of a line (sd-daemon(3)).
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.DEBUG, 7),
)


class JournalFormatter(logging.Formatter):
    """Puts the priority before every line, so that `journalctl -p warning` finds it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record; each line of a traceback has its level too."""
        mark = f"<{priority(record.levelno)}>"
        return "\n".join(mark + line for line in super().format(record).split("\n"))


def priority(level: int) -> int:
    """Return the syslog priority of a level of Python's logging."""
    return next((number for least, number in _PRIORITIES if level >= least), 7)


def writes_to_journal(stream: TextIO, journal_stream: str | None) -> bool:
    """Whether a stream is the one that systemd joined to the journal (JOURNAL_STREAM).

    The variable is handed on to children whose output goes elsewhere: the file itself decides.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal_stream == f"{status.st_dev}:{status.st_ino}"


def formatter_for(stream: TextIO, journal_stream: str | None) -> logging.Formatter:
    """Return how lines look on this stream; the journal adds time and level by itself."""
    if writes_to_journal(stream, journal_stream):
        return JournalFormatter("%(name)s: %(message)s")
    return logging.Formatter("level=%(levelname)s %(name)s: %(message)s")
