"""One MicroPython for all tests of a file; each test begins with a power-up of its own."""

from __future__ import annotations

import pytest
from firmware_board import BoardFirmware, Interpreter


@pytest.fixture(scope="module")
def interpreter():
    """Start MicroPython with the firmware."""
    with Interpreter() as process:
        BoardFirmware.interpreter = process
        yield process
