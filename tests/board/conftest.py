"""Fixtures: a board with the package installed, made once, and boards that start from its disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from emulated_board import PATIENT, ROOT, TOOLS, EmulatedBoard, release

DEB = os.environ.get("LINEWARDEN_BOARD_DEB", "")
PLACE = Path(os.environ.get("LINEWARDEN_BOARD_DIR", str(ROOT / "out" / "board")))
IMAGE = PLACE / "image"


@pytest.fixture(scope="session")
def made() -> Path:
    """Return the folder with the disk of an installed board, made anew when the package changed."""
    if not TOOLS.is_dir():
        pytest.skip("skipped: needs ../shared/tools/board")
    if not DEB or not (IMAGE / "rootfs.ext4").exists():
        pytest.skip("needs the package and the image: make board")
    sources = (Path(DEB), IMAGE / "build.json", ROOT / "tests" / "support" / "emulated_board.py")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    folder = PLACE / f"installed-{digest.hexdigest()[:16]}"
    if not (folder / "facts.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for old in PLACE.glob("installed-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        facts = _install(folder)
        (folder / "facts.json").write_text(json.dumps(facts, indent=1), "utf-8")
    return folder


@pytest.fixture(scope="session")
def facts(made) -> dict:
    """Return what was seen while the package was installed."""
    return json.loads((made / "facts.json").read_text("utf-8"))


@pytest.fixture
def disk(made, tmp_path) -> Path:
    """Return a disk of one's own: the package installed, a key trusted, vivid-1.1 flashed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    for name in ("overlay.qcow2", "image"):
        shutil.copy(made / name, folder / name)
    yield folder
    (folder / "overlay.qcow2").unlink(missing_ok=True)  # hundreds of megabytes


@pytest.fixture(scope="session")
def figure():
    """Return a function that keeps a measured figure in out/board/figures.json."""

    def keep(name: str, value: object) -> None:
        PLACE.mkdir(parents=True, exist_ok=True)
        path = PLACE / "figures.json"
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        known[name] = value
        path.write_text(json.dumps(known, indent=1, sort_keys=True), "utf-8")

    return keep


def _install(folder: Path) -> dict:
    facts: dict = {}
    with EmulatedBoard(IMAGE, folder, fresh=True) as board:
        facts["boot_s"] = round(board.qemu.boot_seconds, 1)
        board.put(Path(DEB), f"/root/{Path(DEB).name}")
        begun_s = time.monotonic()
        facts["said"] = board.run(
            f"cd /root && DEBIAN_FRONTEND=noninteractive apt-get install -y ./{Path(DEB).name}"
        )
        while "rejecting" not in board.shows("StatusText"):
            assert time.monotonic() < begun_s + 600, board.journal("-n 50")
            time.sleep(0.5)
        facts["to_rejecting_s"] = round(time.monotonic() - begun_s, 1)
        facts |= _look(board)
        board.run(f"rm /root/{Path(DEB).name}")
        _first_model(board, folder)
        board.qemu.power_off()
    return facts


def _look(board: EmulatedBoard) -> dict:
    """Return how the service is that nobody has configured yet."""
    security = board.run("systemd-analyze security --no-pager linewarden.service")
    level = re.search(r"exposure level for \S+: ([\d.]+)", security)
    pid = board.shows("MainPID")
    return {
        "status": board.tried("systemctl status --no-pager -l linewarden")[1],
        "system": board.tried("systemctl is-system-running")[1].strip(),
        "exposure": float(level[1]) if level else None,
        "open": board.run(f"ls -l /proc/{pid}/fd"),
        "user": board.run(f"ps -o user= -p {pid}").strip(),
        "rss_kb": int(board.run(f"ps -o rss= -p {pid}")),
    }


def _first_model(board: EmulatedBoard, folder: Path) -> None:
    """Do what a technician does before the line is set up: trust the office, flash a model."""
    board.put(PATIENT.encode(), "/etc/systemd/system/linewarden.service.d/patient.conf")
    board.trust()
    board.put(release(folder, 1), "/root/vivid-1.lwb")
    board.run("linewarden flash /root/vivid-1.lwb && linewarden confirm")
    board.run("systemctl daemon-reload; sync")
