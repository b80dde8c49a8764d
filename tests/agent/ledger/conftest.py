"""Fixtures of the ledger's tests: a line with an empty ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_line import Line


@pytest.fixture
def line(tmp_path: Path):
    """Return a line with an empty ledger."""
    line = Line(tmp_path)
    yield line
    line.ledger.close()
