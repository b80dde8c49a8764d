"""Fixtures of the flashing tests: a device in a folder, signed bundles, a stand-in agent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import flash_rig
import pytest
from flash_rig import Agent, Device, Maker, environment, trial

from bundle.signature import read_keyring
from deploy.flash import Means, Request, flash_bundle
from deploy.line_config import read_line
from deploy.progress import Silent


class Now:
    """A clock that moves when it is waited on, and lets the world act meanwhile."""

    def __init__(self, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self.ns, self._wall_ns = 0, wall_ns
        self.world = []

    def now_ns(self) -> int:
        """Return how long was waited so far."""
        return self.ns

    def wall_ns(self) -> int:
        """Return the wall time that was given."""
        return self._wall_ns

    def sleep(self, seconds: float) -> None:
        """Move on at once, and let the world act."""
        self.ns += round(seconds * 1e9)
        for act in self.world:
            act()


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Return a maker of bundles."""
    return Maker(tmp_path_factory.mktemp("made"))


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """Return a device without a model."""
    return Device(tmp_path)


@pytest.fixture
def now() -> Now:
    """Return a clock that does not wait."""
    return Now()


@pytest.fixture
def agent(device: Device, now: Now) -> Agent:
    """Return the stand-in agent, running: it acts while somebody waits."""
    running = Agent(device.slots)
    device.slots.mkdir()
    running.step()
    now.world.append(running.step)
    return running


@pytest.fixture
def flash(device: Device, now: Now):
    """Return a function that flashes bytes, or from a source, without a child process."""

    def run(data: bytes | str, *, probe=trial, config=None, by="anna", **asked):
        line = read_line(config or device.config)
        means = Means(read_keyring(device.trust), now, Silent(), probe)
        path = data if isinstance(data, str) else device.file(data)
        return flash_bundle(Request(str(path), by, **asked), line, means)

    return run


@pytest.fixture
def live_agent(device: Device, wait_until):
    """Start the stand-in agent as a process and stop it in the end."""
    device.slots.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, flash_rig.__file__, str(device.slots)], env=environment()
    )
    wait_until((device.slots / "judging.json").exists)
    yield process
    process.kill()
    process.wait()
