"""A device in a folder: trust, slots, signed bundles of the tiny model, and a stand-in agent.

Run as a program it is that agent: `flash_rig.py SLOTS [REFUSAL]` does what the contract between
agent and flashing says, without a line: it reads the state, and reports what it judges with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archive import sign_archive, write_archive
from bundle.golden import make_golden
from bundle.judging import Judging, Shadow, write_judging
from bundle.manifest import DataFacts, InputSpec, Manifest, Thresholds
from bundle.slot_files import read_state
from deploy.findings import Findings
from deploy.keys import public_pem

ROOT = Path(__file__).resolve().parents[2]
MODEL = (ROOT / "tests" / "agent" / "engines" / "tiny_int8.tflite").read_bytes()
OFFICE, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=48)


def tiny_manifest(**changes):
    """Return the manifest of the tiny model, changed."""
    fields = {
        "name": "tiny", "version": "1.0", "release": 1, "architecture": "tiny", "recipe": "int8",
        "input": SPEC, "labels": ("bad", "ok"), "defective": ("bad",),
        "thresholds": Thresholds(reject_at=0.5, recheck_at=0.4, chosen="for the tests"),
        "golden_tolerance": 0.001, "entries": {}, "tools": {}, "metrics": {},
        "data": DataFacts(fingerprint="0" * 64, pictures=1),
    }  # fmt: skip
    return Manifest(**(fields | changes))


class Maker:
    """Makes signed bundles around the tiny model, or around bytes that are none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, release=1, *, model=MODEL, shift=0.0, key=OFFICE, **changes) -> bytes:
        """Return the bytes of a bundle; `shift` falsifies its golden outputs."""
        version = changes.pop("version", f"1.{release}")
        manifest = tiny_manifest(release=release, version=version, **changes)
        size = (2, manifest.input.frame_height, manifest.input.frame_width)
        frames = np.random.default_rng(4).integers(0, 256, size, np.uint8)
        golden = make_golden(list(frames), lambda one: _infer(one) + shift, manifest.input)
        path = self._folder / "made.lwb"
        write_archive(path, manifest, {"model.tflite": model, **golden})
        data = path.read_bytes()
        return data if key is None else sign_archive(data, key)


def _infer(prepared):
    from deploy.interpreter import Interpreter, find_library

    return Interpreter(MODEL, find_library(), 1).infer(np.resize(prepared, (32, 32, 1)))


class Device:
    """The folders of one device, with the office's key trusted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.slots, self.trust = folder, folder / "slots", folder / "trust"
        self.trust.mkdir()
        (self.trust / "office.pub").write_bytes(public_pem(OFFICE.public_key()))
        self.config = folder / "agent.toml"
        self.config.write_text(
            '[model]\nslots = "slots"\ntrust = "trust"\n'
            '[camera]\ndriver = "v4l2"\ndevice = "/dev/video0"\nwidth = 48\nheight = 40\n'
            "[timing]\ndelay_ms = 400.0\n"
        )

    def file(self, data: bytes, name: str = "new.lwb") -> Path:
        """Write a bundle and return its path."""
        path = self.folder / name
        path.write_bytes(data)
        return path

    def start(self, command: str, *arguments: object) -> subprocess.Popen[str]:
        """Start `linewarden` on this device."""
        return subprocess.Popen(
            [
                *(sys.executable, "-c", "import linewarden; linewarden.main()", command),
                *(*map(str, arguments), "--config", str(self.config)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment(),
        )

    def run(self, command: str, *arguments: object) -> tuple[int, str, str]:
        """Run `linewarden` to its end; returns exit code, output and complaints."""
        with self.start(command, *arguments) as process:
            out, err = process.communicate(timeout=120)
            return process.returncode, out, err


def environment() -> dict[str, str]:
    """Return an environment in which a child finds our packages."""
    paths = [str(ROOT), str(ROOT / "tests" / "support"), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TERM": "dumb"}


def trial(_data: bytes, _threads: int) -> Findings:
    """Stand in for the child process: every model passes."""
    return Findings(interpreter="none", frames=2, tolerance=0.1, runs=200, p50_ms=1.0, p99_ms=2.0)


class Agent:
    """The stand-in agent, without a process: it acts when the clock is waited on."""

    def __init__(self, slots: Path, refusal: str = "") -> None:
        self._slots, self._refusal = slots, refusal
        self.judged: list[str] = []

    def step(self) -> None:
        """Do what the agent does a few times a second."""
        state = read_state(self._slots)
        active, beside = state.judging, state.shadowing
        if active is not None and (not self.judged or self.judged[-1] != active.sha256):
            self.judged.append(active.sha256)
        shadow = beside and Shadow(
            title=beside.title, parts=0, agree=0, only_new_rejects=0, only_old_rejects=0,
            rechecks_differ=0, pictures="",
        )  # fmt: skip
        sha256 = active.sha256 if active and not self._refusal else ""
        write_judging(
            self._slots,
            Judging(
                title=active.title if sha256 else "", sha256=sha256, signed=True,
                since="2026-01-01T00:00:00Z", pid=os.getpid(), ready=bool(sha256),
                refused=self._refusal if active else "", shadow=shadow or None,
            ),
        )  # fmt: skip


if __name__ == "__main__":
    agent = Agent(Path(sys.argv[1]), *sys.argv[2:])
    Path(sys.argv[1]).mkdir(exist_ok=True)
    while os.getppid() != 1:
        agent.step()
        time.sleep(0.02)
