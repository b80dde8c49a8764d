"""The model's own tests, told to try the firmware on its board instead."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

import firmware_board
from firmware_board import ROOT, BoardFirmware

_SIM = ROOT / "tests" / "agent" / "sim"


def promises_of(name: str, leave_out=()):
    """Return the test functions of one of the model's test files, with the board in its place."""
    module = _load(_SIM / f"{name}.py")
    return {
        key: value
        for key, value in vars(module).items()
        if key.startswith("test_") and key not in leave_out
    }


def load_model_tests(name: str):
    """Return one of the model's test modules, with the board in the model's place."""
    return _load(_SIM / f"{name}.py")


def load_tests(path: str):
    """Return a test module of the agent, loaded anew under another name."""
    place = ROOT / "tests" / path
    return _module(place, f"board_{place.stem}")


def _load(path: Path):
    """Load a test module anew, beside the one that pytest may have loaded."""
    host = _module(Path(firmware_board.__file__).with_name("firmware_host.py"), "board_host")
    host.Firmware = BoardFirmware
    with _in_place_of("firmware_host", host):
        module = _module(path, f"board_{path.stem}")
    module.Firmware = BoardFirmware
    return module


def _module(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@contextmanager
def _in_place_of(name: str, module):
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        yield
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
