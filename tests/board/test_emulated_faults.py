"""A board in a plant: cables pulled, a camera that dies, a disk and a clock that go wrong."""

from __future__ import annotations

import time

import pytest
from board_line import running_line
from emulated_board import EmulatedBoard, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(3600)]

CAMERA = "v4l2-ctl -d /dev/video0"
# What a pulled cable lasts: longer than any patience of the agent's.
AWAY_S = 20.0
DAY_NS = 86_400 * 10**9


@pytest.fixture
def line(made, disk, tmp_path, mosquitto, subscribe):
    """A board whose line runs, with its gate on a USB adapter that is found by its udev name."""
    with (
        EmulatedBoard(made.parent / "image", disk, usb_gate=True) as board,
        running_line(
            board, tmp_path, mosquitto, subscribe, port="/dev/linewarden/relay", serial="usbgate"
        ) as running,
    ):
        running.states = subscribe(mosquitto.port, "linewarden/+/+/+/+/state")
        running.wait_for_more("PASS", 3)
        yield running


def _told(line, kind, before):
    """Wait until an event of this kind has come since."""
    wait_for(lambda: kind in line.board.events()[before:], kind)


def _a_camera_that_is_unplugged_comes_back(line):
    """Fault 29: nothing passes unseen, and the camera is opened again by itself."""
    before = len(line.board.events())
    line.board.run(f"{CAMERA} -c disconnect=1")
    _told(line, "camera_lost", before)
    _told(line, "camera_up", before)
    line.wait_for_more("PASS")


def _a_camera_whose_stream_breaks_comes_back(line):
    """Fault 29: the driver itself says that it cannot go on."""
    before = len(line.board.events())
    line.board.run(f"{CAMERA} -c inject_fatal_streaming_error=1")
    _told(line, "camera_up", before)
    line.wait_for_more("PASS")


def _nobody_else_changes_the_format(line):
    """Fault 35: the kernel keeps others off a format that is in use."""
    code, _ = line.board.tried(f"{CAMERA} --set-fmt-video=width=320,height=180")
    assert code != 0
    line.wait_for_more("PASS")


def _a_camera_whose_times_jump_goes_on(line):
    """Fault 36: the driver's times wrap."""
    line.board.run(f"{CAMERA} -c wrap_timestamp=1")
    line.wait_for_more("PASS", 8)
    line.board.run(f"{CAMERA} -c wrap_timestamp=0")


def _a_gate_cable_is_pulled_and_put_back(line):
    """Faults 15 and 16: nothing passes without it; found again by name, nobody types a thing."""
    before = len(line.board.events())
    line.board.qemu.unplug_usb_gate()
    pulled_ns = time.monotonic_ns()
    _told(line, "gate_lost", before)
    assert line.board.tried("test -e /dev/linewarden/relay")[0] != 0
    line.board.qemu.plug_usb_gate()
    back_ns = time.monotonic_ns()
    assert line.passed_between(pulled_ns + 2_000_000_000, back_ns)[1] == 0
    _told(line, "gate_back", before)
    line.wait_for_more("PASS")


def _the_network_cable_is_pulled_and_put_back(line):
    """Faults 37 to 39, short: the line goes on, and the plant gets every result afterwards."""
    line.board.qemu.link(up=False)
    heard = len(line.heard.bodies)
    line.wait_for_more("PASS", 6)
    time.sleep(AWAY_S)
    line.board.qemu.link(up=True)
    wait_for(lambda: len(line.heard.bodies) >= heard + 6, "what was kept for the plant")


def _a_clock_of_1970_changes_nothing(line):
    """Fault 54: times are labels, and marked; verdicts and the order of ids stay."""
    before = len(line.board.events())
    line.board.run("date -s @3600")
    _told(line, "clock_step", before)
    line.wait_for_more("PASS")
    rows = sorted(line.board.rows(), key=lambda row: row["at_ns"])
    numbers = [row["seq"] for row in rows]
    assert numbers == sorted(numbers)
    old = [row for row in rows if row["wall_ns"] < DAY_NS]
    assert old
    assert not any(row["clock_ok"] for row in old)


def _a_disk_that_goes_read_only_rejects(line):
    """Fault 51: a card fails; nothing passes without its row, the agent stays and says why."""
    board, restarts = line.board, line.board.shows("NRestarts")
    heard = len(line.states.bodies)
    board.run("sync; echo 1 > /sys/fs/ext4/vda/trigger_fs_error; sleep 2")
    assert board.tried("touch /var/lib/linewarden/x")[0] != 0
    time.sleep(AWAY_S)  # what was permitted before has met the gate
    begun_ns = time.monotonic_ns()
    time.sleep(AWAY_S)
    met, passed = line.passed_between(begun_ns, time.monotonic_ns())
    assert met >= 4
    assert passed == 0
    wait_for(
        lambda: any("ledger" in body["gate"] for body in line.states.bodies[heard:]),
        "a state that says so",
    )
    assert board.shows("NRestarts") == restarts
    board.qemu.power_cut()
    board.qemu.boot(wait=False)
    with line.plugged("usbgate"):
        board.qemu.wait_ready(900)
        wait_for(lambda: board.counts().get("PASS", 0) >= 2, "parts judged again")
        return line.stop()


def test_a_board_in_a_plant(line):
    """Each fault told of, safe meanwhile, gone by itself; then the four accounts agree."""
    _a_camera_that_is_unplugged_comes_back(line)
    _a_camera_whose_stream_breaks_comes_back(line)
    _nobody_else_changes_the_format(line)
    _a_camera_whose_times_jump_goes_on(line)
    _a_gate_cable_is_pulled_and_put_back(line)
    _the_network_cable_is_pulled_and_put_back(line)
    _a_clock_of_1970_changes_nothing(line)
    line.assert_agreed(_a_disk_that_goes_read_only_rejects(line))
