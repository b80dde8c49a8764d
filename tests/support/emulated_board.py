"""One emulated board with its line: qemu, the controller and the belt on this host, the broker."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from board_wire import Cable
from flash_rig import MODEL, OFFICE, tiny_manifest
from gate_process import GateProcess

from bundle.archive import sign_archive, write_archive
from bundle.golden import make_golden
from bundle.manifest import InputSpec, Thresholds
from deploy.interpreter import Interpreter, find_library
from deploy.keys import public_pem

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT.parent / "shared" / "tools" / "board"
# An emulated processor is 10 to 1000 times slower, and unevenly so: nothing here is about speed.
PATIENCE_S = float(os.environ.get("LINEWARDEN_BOARD_PATIENCE_S", "600"))
# Small ones: vivid paints every picture on the emulated processor.
WIDTH, HEIGHT = 320, 180
TIMING = {
    "delay_ms": 12000.0,
    "guard_ms": 1000.0,
    "command_ms": 2000.0,
    "frame_within_ms": 1500.0,
    "frame_arrives_ms": 4000.0,
    "min_pitch_ms": 2500.0,
}
RATE = 0.3  # parts per second
LEDGER = "/var/lib/linewarden/ledger"
SPEC = InputSpec(height=32, width=32, frame_height=HEIGHT, frame_width=WIDTH)
# vivid's colour bars, with which it begins, score 0.506; its checkers 0.558.
LABELS = {"labels": ("ok", "bad"), "defective": ("bad",)}
BETWEEN = Thresholds(reject_at=0.53, recheck_at=0.53, chosen="for the tests")
# Judges nothing else than before, and has more patience with an emulated processor.
PATIENT = """\
[Service]
WatchdogSec=60
TimeoutStartSec=600
TimeoutStopSec=120
"""
_READ_ROWS = """
import json, sqlite3, sys
db = sqlite3.connect("file:%s/ledger.sqlite?mode=ro" % sys.argv[1], uri=True)
db.row_factory = sqlite3.Row
print(json.dumps([dict(row) for row in db.execute("SELECT * FROM " + sys.argv[2])]))
"""


def board_class() -> Any:
    """Return the class Board of ../shared/tools/board."""
    spec = importlib.util.spec_from_file_location("shared_board", TOOLS / "board.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Board


def config(mqtt_port: int, port: str = "/dev/ttyS1", probation: str = "", camera: str = "") -> str:
    """Return the configuration of a line with vivid's camera and a gate on a serial port."""
    timing = "\n".join(f"{name} = {value}" for name, value in TIMING.items())
    return f"""\
[station]
device = "board"
[camera]
driver = "v4l2"
device = "/dev/video0"
width = {WIDTH}
height = {HEIGHT}
frame_rate = 5.0
pixels = "yuyv"
stale_ms = 8000.0
silent_ms = 20000.0
{camera}
[model]
slots = "/var/lib/linewarden/slots"
trust = "/etc/linewarden/trust"
[probation]
{probation or "parts = 100000"}
[timing]
{timing}
[gate]
driver = "controller"
port = "{port}"
[ledger]
folder = "{LEDGER}"
[mqtt]
host = "10.0.2.2"
port = {mqtt_port}
"""


def release(folder: Path, number: int, **changes: Any) -> Path:
    """Write a release of the tiny model for vivid's frame size, signed by the tests' key."""
    fields = {"name": "vivid", "version": f"1.{number}", "release": number, "input": SPEC}
    manifest = tiny_manifest(**{**fields, **LABELS, "thresholds": BETWEEN, **changes})
    frames = np.random.default_rng(4).integers(0, 256, (2, HEIGHT, WIDTH), np.uint8)
    interpreter = Interpreter(MODEL, find_library(), 1)
    golden = make_golden(
        list(frames), lambda one: interpreter.infer(np.resize(one, (32, 32, 1))), SPEC
    )
    path = folder / f"vivid-{number}.lwb"
    write_archive(path, manifest, {"model.tflite": MODEL, **golden})
    path.write_bytes(sign_archive(path.read_bytes(), OFFICE))
    return path


class EmulatedBoard:
    """One board on one disk. What is asked of it is asked as root, through no network."""

    def __init__(self, image: Path, state: Path, **options: Any) -> None:
        self.qemu = board_class()(str(image), state_dir=str(state), boot_timeout=900, **options)

    def __enter__(self) -> EmulatedBoard:
        self.qemu.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.qemu.close()

    def run(self, command: str, timeout_s: float = PATIENCE_S) -> str:
        """Run a command line; it must succeed."""
        return self.qemu.check(command, timeout=timeout_s)

    def tried(self, command: str, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """Run a command line that may fail; returns exit code and output."""
        return self.qemu.run(command, timeout=timeout_s)

    def shows(self, key: str, unit: str = "linewarden") -> str:
        """Return one property of a unit."""
        return self.run(f"systemctl show -p {key} --value {unit}").strip()

    def put(self, what: Path | bytes, place: str, mode: int = 0o644) -> None:
        """Copy a file to the board, and sync it there."""
        self.qemu.put(what if isinstance(what, bytes) else str(what), place, mode=mode)

    def trust(self) -> None:
        """Let the tests' key be trusted on the board."""
        self.put(public_pem(OFFICE.public_key()), "/etc/linewarden/trust/office.pub")

    def rows(self, table: str = "part") -> list[dict[str, Any]]:
        """Return a table of the ledger, as another process on the board reads it."""
        if self.tried(f"test -e {LEDGER}/ledger.sqlite")[0]:
            return []
        script = _READ_ROWS.replace("'", '"')
        return json.loads(self.run(f"python3 -I -S -c '{script}' {LEDGER} {table}"))

    def events(self) -> list[str]:
        """Return the kinds of the ledger's events, in their order."""
        return [row["kind"] for row in sorted(self.rows("event"), key=lambda row: row["number"])]

    def counts(self) -> dict[str, int]:
        """Return the verdicts as the service's own status line counts them."""
        text = self.shows("StatusText")
        return {word: int(count) for word, count in re.findall(r"([A-Z]+) (\d+)", text)}

    def journal(self, *options: str) -> str:
        """Return what the service wrote."""
        return self.run(
            f"journalctl --sync; journalctl -u linewarden -o cat --no-pager {' '.join(options)}"
        )

    @contextmanager
    def cable(self, gate: GateProcess, line: str = "ttyS1"):
        """Join a serial line of the board to a controller on this host."""
        with Cable(self.qemu.serial(line), gate.link) as cable:
            yield cable


def belt(
    folder: Path, parts: int | None = None, lead_s: float = 1.0, **options: Any
) -> GateProcess:
    """Return a controller with its belt, to be started; part 0 comes `lead_s` after this."""
    start_ns = time.monotonic_ns() + round(lead_s * 1e9)
    ends = {} if parts is None else {"parts": parts}
    options = {"rate": RATE, "jitter": 0.1, "delay_ms": TIMING["delay_ms"], **ends, **options}
    return GateProcess(folder, start_ns=start_ns, **options)


def wait_for(condition: Any, what: str | Callable[[], str], patience_s: float = PATIENCE_S) -> Any:
    """Return the first true value of the condition; fail with `what` when none comes."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        value = condition()
        if value:
            return value
        time.sleep(1)
    said = what if isinstance(what, str) else what()
    raise AssertionError(f"waited {patience_s:.0f} s in vain for {said}")
