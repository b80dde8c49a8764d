"""The pipe driver, against real child processes: restart, kill, partial and stale frames."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
from camera_stand_ins import alive, jpeg, writer

from agent.cameras.pipe import PipeCamera
from agent.clock import ManualClock, SystemClock
from agent.config.camera import PipeCamera as Section
from agent.errors import CameraError

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="needs ffmpeg: apt-get install ffmpeg")


@pytest.fixture
def make():
    """Return a maker of cameras; each is closed in the end."""
    made = []

    def make_one(command, clock=None, **options):
        fields = {"width": 64, "height": 48, "frame_rate": 100.0, "pixels": "gray"}
        section = Section(driver="pipe", command=command, **(fields | options))
        made.append(PipeCamera(section, clock or SystemClock()))
        return made[-1]

    yield make_one
    for camera in made:
        camera.close()


def _read_all(camera, patience=400):
    """Return the frames until the camera is lost, and why it was."""
    frames = []
    for _ in range(patience):
        try:
            frame = camera.read(0.1)
        except CameraError as error:
            return frames, str(error)
        if frame is not None:
            frames.append(frame)
    pytest.fail("the camera was never lost")


def _next(camera):
    for _ in range(200):
        frame = camera.read(0.1)
        if frame is not None:
            return frame
    pytest.fail("no frame for twenty seconds")


def test_a_partial_frame_is_never_handed_on(make):
    """The command dies in the middle of a frame: what was whole comes, the rest does not."""
    camera = make(writer(64, 48, 50, 5, "half"))
    camera.open()
    frames, _ = _read_all(camera)
    assert len(frames) >= 3
    for frame in frames:
        assert frame.pixels.shape == (48, 64)
        assert set(np.unique(frame.pixels[:-1])) == {frame.sequence}


def test_the_error_has_the_exit_code_and_the_last_line_of_complaint(make):
    """A technician reads what the command itself said."""
    camera = make(writer(64, 48, 100, 1, "complain"))
    camera.open()
    _, why = _read_all(camera)
    assert why.endswith("ended with code 7: no such sensor: imx477")


def test_a_command_that_was_killed_is_told_by_its_signal(make):
    """Out of memory looks like this."""
    camera = make(writer())
    camera.open()
    _next(camera)
    os.kill(camera.pid, signal.SIGKILL)
    _, why = _read_all(camera)
    assert "was ended by SIGKILL" in why


def test_after_its_end_it_is_started_anew_and_delivers_again(make):
    """A frame was delivered: there is no pause before the next start."""
    camera = make(writer(64, 48, 100, 20))
    for _ in range(3):
        camera.open()
        frames, _ = _read_all(camera)
        assert frames


def test_a_command_that_brings_no_frame_is_started_later_each_time(make):
    """The pauses grow to five seconds; while one lasts nothing runs."""
    clock = ManualClock(10**12)
    camera = make([sys.executable, "-c", "import sys; sys.exit('broken')"], clock)
    pauses = []
    for _ in range(8):
        camera.open()
        before_ns = clock.now_ns()
        while camera.pid is None:
            assert camera.read(0.1) is None
        pauses.append((clock.now_ns() - before_ns) / 1e9)
        _, why = _read_all(camera)
        assert "code 1: broken" in why
    assert pauses == pytest.approx([0, 0.4, 0.8, 1.6, 3.2, 5, 5, 5], abs=0.1)


def test_a_stubborn_command_is_killed(make, wait_until):
    """It ignores SIGTERM; closing ends it all the same."""
    camera = make(writer(64, 48, 100, 100_000, "stubborn"))
    camera.open()
    _next(camera)
    group = camera.pid
    camera.close()
    wait_until(lambda: not alive(group))


def test_what_the_command_started_is_ended_with_it(make, wait_until):
    """Its children are in its group: also when the command itself is gone already."""
    for besides in ([], ["stay"]):
        camera = make(writer(64, 48, 100, 5, "parent", *besides), silent_ms=300.0)
        camera.open()
        group = camera.pid
        _read_all(camera)
        wait_until(lambda group=group: not alive(group))


def test_a_stopped_command_is_lost_in_time_and_ended(make, wait_until):
    """SIGSTOP: nothing comes any more, nothing blocks, nothing is left."""
    camera = make(writer(), silent_ms=300.0)
    camera.open()
    _next(camera)
    group = camera.pid
    os.kill(group, signal.SIGSTOP)
    _, why = _read_all(camera)
    assert "brought no good frame for 300 ms" in why
    wait_until(lambda: not alive(group))


def test_a_command_that_never_begins_is_given_its_time_to_start(make):
    """The first frame may take longer than the next ones, but not for ever."""
    camera = make([sys.executable, "-c", "import time; time.sleep(600)"], start_ms=300.0)
    camera.open()
    frames, why = _read_all(camera)
    assert not frames
    assert "brought no good frame for 300 ms" in why


def test_after_a_stall_no_frame_of_the_backlog_counts(make):
    """What lay in the pipe and what the command then hurries to write is older than it looks."""
    camera = make(writer(64, 48, 50), frame_rate=50.0)
    clock = SystemClock()
    camera.open()
    start_ns, first = _next(camera).taken_ns, None
    for _ in range(3):
        clock.sleep(0.3)
        stalled_ns = clock.now_ns()
        frame = _next(camera)
        first = first or frame
        assert frame.taken_ns >= stalled_ns
        made_ns = start_ns + frame.sequence * 20_000_000
        assert made_ns > stalled_ns - 40_000_000
    assert camera.stale > 10


def test_the_latency_is_taken_off_a_frames_time(make):
    """A frame was taken before it arrived here."""
    camera = make(writer(), latency_ms=5000.0)
    camera.open()
    before_ns = SystemClock().now_ns()
    assert _next(camera).taken_ns < before_ns


def test_a_flood_is_read_in_bounded_memory_and_time(make):
    """A command that writes without end gets no more than its buffers, and read comes back."""
    camera = make(["cat", "/dev/zero"], width=640, height=480)
    camera.open()
    for _ in range(20):
        camera.read(0.05)
    assert len(camera._splitter._filling) <= 640 * 480


def test_a_flood_without_a_frame_is_lost_in_time(make):
    """Bytes that never become a picture neither hold read up nor count as frames."""
    camera = make(["cat", "/dev/zero"], pixels="mjpeg", start_ms=300.0)
    camera.open()
    frames, why = _read_all(camera)
    assert not frames
    assert "brought no good frame for 300 ms" in why


def test_a_flood_of_complaints_does_not_stop_the_frames(make):
    """The error output is read as well, and only its end is kept."""
    noisy = "import sys\nwhile True: sys.stderr.write('x' * 4000 + '\\n')\n"
    line = (
        f"{sys.executable} -c \"{noisy}\" & exec {sys.executable} -c '{writer()[2]}' 64 48 50 999"
    )
    camera = make([line], shell=True)
    camera.open()
    for _ in range(5):
        _next(camera)


def test_no_shell_reads_the_command_unless_asked(make):
    """Meta-characters are words like others; with `shell` a pipe is a pipe."""
    script = "import sys; sys.exit(' '.join(sys.argv[1:]))"
    camera = make([sys.executable, "-c", script, "a | b; $HOME"])
    camera.open()
    assert "a | b; $HOME" in _read_all(camera)[1]
    camera = make(["head -c 30720 /dev/zero | cat; sleep 600"], shell=True)
    camera.open()
    assert not _next(camera).pixels.any()


def test_a_program_that_is_not_there_is_one_sentence(make):
    """Opening says which, and where to set it."""
    camera = make(["no-such-camera-program", "-t", "0"])
    with pytest.raises(CameraError, match=r"no program no-such-camera-program.*camera\.command"):
        camera.open()


def test_pictures_of_another_size_lose_the_camera(make, tmp_path):
    """A JPEG says its own size: nothing is resized on the quiet."""
    (tmp_path / "a.jpg").write_bytes(jpeg(1, 32, 24))
    camera = make([f"cat {tmp_path}/a.jpg; sleep 600"], shell=True, pixels="mjpeg")
    camera.open()
    _, why = _read_all(camera)
    assert "gives frames of 32x24, configured are 64x48" in why


def test_damaged_pictures_are_counted_and_the_next_whole_one_comes(make, tmp_path):
    """A picture without its end is joined to nothing."""
    (tmp_path / "bad").write_bytes(b"\xff\xd8\xff\xda\x00\x02 no picture \xff\xd9")
    (tmp_path / "good").write_bytes(jpeg(3))
    command = [f"cd {tmp_path}; while cat bad; do sleep 0.02; cat good; sleep 0.02; done"]
    camera = make(command, shell=True, pixels="mjpeg", frame_rate=50.0)
    camera.open()
    assert abs(int(_next(camera).pixels.mean()) - 30) < 3
    while not camera.damaged:
        camera.read(0.1)


@needs_ffmpeg
@pytest.mark.parametrize("pixels", ["gray", "bgr", "mjpeg"])
def test_ffmpeg_as_a_camera(make, pixels):
    """Its test picture moves; frames are whole and of the right size."""
    formats = {
        "gray": ["-f", "rawvideo", "-pix_fmt", "gray"],
        "bgr": ["-f", "rawvideo", "-pix_fmt", "bgr24"],
        "mjpeg": ["-f", "mjpeg", "-q:v", "3"],
    }
    camera = make(
        [FFMPEG, "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25",
         *formats[pixels], "-"],
        width=320, height=240, frame_rate=25.0, pixels=pixels,
        colour="bgr" if pixels == "bgr" else "gray",
    )  # fmt: skip
    camera.open()
    frames = [_next(camera) for _ in range(6)]
    shape = (240, 320, 3) if pixels == "bgr" else (240, 320)
    assert {frame.pixels.shape for frame in frames} == {shape}
    assert len({frame.pixels.tobytes() for frame in frames}) == 6
    wanted = _ffmpeg_still(frames[0].sequence)
    got = (
        frames[0].pixels if pixels == "bgr" else cv2.cvtColor(frames[0].pixels, cv2.COLOR_GRAY2BGR)
    )
    if pixels != "bgr":
        wanted = cv2.cvtColor(cv2.cvtColor(wanted, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert np.abs(got.astype(int) - wanted).mean() < 12


@needs_ffmpeg
def test_ffmpeg_that_fails_says_why(make):
    """Its own last line stands in the error."""
    camera = make([FFMPEG, "-v", "error", "-i", "/nowhere/video", "-f", "mjpeg", "-"])
    camera.open()
    _, why = _read_all(camera)
    assert "No such file" in why


def _ffmpeg_still(number):
    """Return the test picture's frame with this number, by ffmpeg in one go."""
    done = subprocess.run(
        [FFMPEG, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25",
         "-frames:v", str(number + 1), "-f", "rawvideo", "-pix_fmt", "bgr24", "-"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    size = 320 * 240 * 3
    return np.frombuffer(done.stdout[-size:], np.uint8).reshape(240, 320, 3)
