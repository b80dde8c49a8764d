"""The disk below the ledger goes read-only, as a worn card does: a real ext4 that gives up."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_systemd import FakeSystemd
from live_line import RENDERED, LiveLine, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]

TRIGGER = "/sys/fs/ext4/{}/trigger_fs_error"


def do(*command):
    """Run a command; returns whether it went well, and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout.strip()


class Card:
    """An ext4 in a file, which can be made to fail as the kernel makes it on a bad card."""

    def __init__(self, image, place):
        self.image, self.place = image, place

    def mount(self):
        """Put it in its place; False where this machine does not let us."""
        return do("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.place))[0]

    def fail(self):
        """Let the kernel find an error: from here on nothing can be written."""
        _, device = do("findmnt", "-no", "SOURCE", str(self.place))
        Path(TRIGGER.format(Path(device).name)).write_text("1")

    def lock(self):
        """Mount it anew for reading only, as a boot does that does not trust it."""
        assert do("mount", "-o", "remount,ro", str(self.place))[0]

    def unlock(self):
        """Let it be written to again."""
        assert do("mount", "-o", "remount,rw", str(self.place))[0]

    def mend(self):
        """Take it out, repair it and put it back, as a technician or the next boot does."""
        assert do("umount", str(self.place))[0]
        subprocess.run(["fsck.ext4", "-fy", self.image], capture_output=True, check=False)
        assert self.mount()


@pytest.fixture
def card(tmp_path):
    """Return a disk of its own in the place of the ledger's folder."""

    @contextmanager
    def mounted():
        image, place = tmp_path / "card.img", tmp_path / "ledger"
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(64 << 20)
        card = Card(image, place)
        able = os.getuid() == 0 and do("mkfs.ext4", "-q", "-F", str(image))[0] and card.mount()
        if not able:
            pytest.skip("needs root, loop devices and ext4")
        try:
            yield card
        finally:
            do("umount", "-l", str(place))

    with mounted() as card:
        yield card


def between(line, begin_ns, end_ns):
    """Return what met the gate in that time."""
    return [one for one in line.met() if begin_ns <= one["at_gate_ns"] < end_ns]


def test_a_disk_that_goes_read_only_rejects_and_is_told_over_mqtt(
    card, tmp_path, mosquitto, subscribe
):
    """Row 51: no part passes, the agent stays and says why; on a mended disk parts pass again."""
    states = subscribe(mosquitto.port, "linewarden/+/+/+/+/state")
    statuses = subscribe(mosquitto.port, "linewarden/+/+/+/+/status")
    with LiveLine(tmp_path, parts=600, mqtt_port=mosquitto.port) as line:
        line.lead_s = 8.0
        line.start_gate()
        agent = line.start_agent()
        wait_until(lambda: any(one["opened_for"] is not None for one in line.met()), "a PASS")
        card.fail()
        broken_ns = time.monotonic_ns()
        heard = len(states.bodies)
        wait_until(
            lambda: any("ledger" in body["gate"] for body in states.bodies[heard:]),
            "a state that says so",
        )
        until_ns = max(time.monotonic_ns(), broken_ns + 4_000_000_000)
        wait_until(lambda: line.met()[-1]["at_gate_ns"] > until_ns, "parts that meet the gate")
        # What was permitted before has met the gate within a second.
        dark = between(line, broken_ns + 1_000_000_000, until_ns)
        assert len(dark) > 20
        assert all(one["physically"] == "diverted" for one in dark)
        assert agent.poll() is None
        assert statuses.bodies[-1]["status"] == "online"
        line.kill_agent()
        card.mend()
        line.start_agent()
        line.wait_for_belt()
        wait_until(lambda: len(line.rows()) >= line.parts, "all rows")
        assert line.stop_agent() == 0
        line.balanced()
        mended_ns = time.monotonic_ns()
        assert any(one["physically"] == "passed" for one in between(line, until_ns, mended_ns))


def test_a_start_on_a_read_only_disk_is_told_over_mqtt_and_begins_when_it_can(
    card, tmp_path, mosquitto, subscribe
):
    """Row 51: no part passes, no crash loop, the plant reads why; then it inspects by itself."""
    statuses = subscribe(mosquitto.port, "linewarden/+/+/+/+/status")
    with FakeSystemd() as systemd, LiveLine(tmp_path, parts=4000, mqtt_port=mosquitto.port) as line:
        line.environment = {"NOTIFY_SOCKET": systemd.address}
        line.start_gate()
        card.lock()
        agent = line.start_agent(ready=False)
        wait_until(lambda: statuses.bodies, "a status")
        told = statuses.bodies[0]
        assert (told["status"], told["reason"]) == ("waiting", "cannot_start")
        assert "read-only" in told["why"].lower()
        assert told["why"] in systemd.status
        fed, dark = systemd.fed, line.met_count() + 20
        wait_until(lambda: systemd.fed > fed + 2, "a fed watchdog")
        wait_until(lambda: line.met_count() > dark, "parts that meet the gate")
        assert all(one["physically"] == "diverted" for one in line.met())
        assert agent.poll() is None
        card.unlock()
        wait_until(lambda: statuses.bodies[-1]["status"] == "online", "the agent at the plant")
        wait_until(lambda: any(one["physically"] == "passed" for one in line.met()), "a PASS")
        assert line.stop_agent() == 0
    assert [one["status"] for one in statuses.bodies] == ["waiting", "online", "offline"]
