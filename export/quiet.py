"""Send what TensorFlow's converter prints, thousands of lines, to a log file."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.errors import ExportError


def begin_log(log: Path) -> None:
    """Begin the log anew. Raises ExportError."""
    try:
        log.write_bytes(b"")
    except OSError as error:
        raise ExportError(f"cannot write the converter's log {log}: {error.strerror}") from error


@contextmanager
def converter_output(log: Path) -> Iterator[None]:
    """Append everything that is printed inside the block to `log`.

    The converter writes from C++, so the file descriptors themselves are redirected, not only
    sys.stdout and sys.stderr. Raises ExportError where the log cannot be written.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise ExportError(f"cannot write the converter's log {log}: {error.strerror}") from error
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        with warnings.catch_warnings():
            # TensorFlow warns of its own deprecations; that is for the log, not for the reader.
            warnings.simplefilter("ignore")
            for number in kept:
                os.dup2(file, number)
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, original in kept.items():
            os.dup2(original, number)
            os.close(original)
        os.close(file)
