"""A camera that is a command: it writes frames to its standard output, we read the newest."""

from __future__ import annotations

from agent.cameras.pipe_child import Child
from agent.cameras.pipe_split import Arrival, JpegSplitter, Piece, RawSplitter, Splitter
from agent.cameras.pixels import Layout, Pixels, decode
from agent.clock import Clock
from agent.config.camera import PipeCamera as Section
from agent.errors import CameraError
from agent.records import Frame

_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS = 200_000_000, 5_000_000_000
_LEAST_SLACK_NS, _MOST_SLACK_NS = 2_000_000, 10_000_000
_SPARE_BYTES = 1 << 16


class PipeCamera:
    """Runs the configured command and reads its frames; a partial frame is never handed on.

    A frame's time is that of its first byte's arrival less `latency_ms`. Bytes that lay in the
    pipe already when we came have no such time: their frame is thrown away, and so are those which
    the command then writes in a hurry. A command that ended or is silent raises CameraError with
    the last line it complained with; opened again it is started anew, later each time as long
    as it brings no frame.
    """

    def __init__(self, section: Section, clock: Clock) -> None:
        self._section = section
        self._clock = clock
        self._layout = Layout(section.pixels, section.width, section.height)
        self._period_ns = round(1e9 / section.frame_rate)
        self._slack_ns = min(max(self._period_ns // 4, _LEAST_SLACK_NS), _MOST_SLACK_NS)
        self._is_open = False
        self._child: Child | None = None
        self._splitter: Splitter = self._new_splitter()
        self._start_ns = self._empty_ns = self._heard_ns = self._last_by_ns = 0
        self._catching_up = False
        self._sequence = -1
        self._barren = 0  # starts in a row that brought no frame
        self._delivered = False
        self.damaged = self.stale = 0

    @property
    def pid(self) -> int | None:
        """Return the number of the command's process group; None while it does not run."""
        return None if self._child is None else self._child.pid

    def open(self) -> None:
        """Start the command, or, when it brought no frame, let it wait. Raises CameraError."""
        self.close()
        pause_ns = 0
        if self._barren:
            pause_ns = min(_FIRST_PAUSE_NS * 2 ** min(self._barren, 16), _LONGEST_PAUSE_NS)
        self._start_ns = self._clock.now_ns() + pause_ns
        if not pause_ns:
            self._launch()
        self._is_open = True

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or None after `timeout_s`. Raises CameraError when lost."""
        if not self._is_open:
            raise CameraError("the camera is not open")
        end_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        child = self._child or self._launch_when_due(end_ns)
        if child is None:
            return None
        while (newest := self._newest(child, end_ns)) is not None:
            frame = self._frame(newest)
            if frame is not None:
                return frame
        self._refuse_silence(child)
        return None

    def close(self) -> None:
        """End the command and all that it started; harmless when it does not run."""
        self._is_open = False
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _launch_when_due(self, end_ns: int) -> Child | None:
        wait_ns = min(self._start_ns, end_ns) - self._clock.now_ns()
        if wait_ns > 0:
            self._clock.sleep(wait_ns / 1e9)
        return self._launch() if self._clock.now_ns() >= self._start_ns else None

    def _launch(self) -> Child:
        child = Child(self._section.command, shell=self._section.shell)
        self._child = child
        self._splitter = self._new_splitter()
        self._heard_ns = self._empty_ns = self._clock.now_ns()
        self._catching_up = self._delivered = False
        self._sequence, self._last_by_ns = -1, 0
        return child

    def _newest(self, child: Child, end_ns: int) -> Piece | None:
        """Return the newest whole frame of those that count; older ones are passed over."""
        newest: Piece | None = None
        while newest is None or self._clock.now_ns() - newest.arrival.by_ns > self._period_ns:
            left_s = (end_ns - self._clock.now_ns()) / 1e9
            if left_s <= 0:
                break
            arrival = self._await(child, left_s if newest is None else 0.0)
            if arrival is None:
                if newest is not None:
                    break
                continue
            for piece in self._splitter.feed(self._read(child), arrival):
                self._sequence += 1
                if self._counts(piece.arrival):
                    newest = piece
        return newest

    def _await(self, child: Child, timeout_s: float) -> Arrival | None:
        """Wait for bytes and return when they came in; None when there are none."""
        if child.wait(0.0):
            return Arrival(self._empty_ns, self._clock.now_ns())
        if timeout_s <= 0 or not child.wait(timeout_s):
            self._empty_ns = self._clock.now_ns()
            return None
        now_ns = self._clock.now_ns()
        return Arrival(now_ns, now_ns)

    def _read(self, child: Child) -> bytes:
        before_ns = self._clock.now_ns()
        data = child.read()
        if data is None:
            raise self._lost(child.obituary())
        if len(data) < child.READ_BYTES:
            self._empty_ns = before_ns
        return data

    def _counts(self, arrival: Arrival) -> bool:
        """Return whether it is known when a frame came: frames of a backlog do not count."""
        since_ns, self._last_by_ns = arrival.by_ns - self._last_by_ns, arrival.by_ns
        if arrival.by_ns - arrival.after_ns > self._slack_ns:
            self._catching_up = True
        elif since_ns >= self._period_ns // 2:
            self._catching_up = False
        self.stale += self._catching_up
        return not self._catching_up

    def _frame(self, piece: Piece) -> Frame | None:
        pixels = decode(piece.data, self._layout, self._section.colour)
        if pixels is None:
            self.damaged += 1
            return None
        self._check_size(pixels)
        self._heard_ns, self._barren, self._delivered = self._clock.now_ns(), 0, True
        taken_ns = piece.arrival.after_ns - round(self._section.latency_ms * 1e6)
        return Frame(pixels, taken_ns, self._sequence)

    def _check_size(self, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        if (width, height) != (self._section.width, self._section.height):
            raise self._lost(
                f"the camera command gives frames of {width}x{height}, configured are "
                f"{self._section.width}x{self._section.height}: make camera.width, camera.height "
                "and the command agree"
            )

    def _refuse_silence(self, child: Child) -> None:
        limit_ms = self._section.silent_ms if self._delivered else self._section.start_ms
        if self._clock.now_ns() - self._heard_ns <= limit_ms * 1e6:
            return
        raise self._lost(
            f"the camera command {self._section.command[0]} brought no good frame for "
            f"{limit_ms:g} ms ({self.damaged} were damaged, {self.stale} too old so far)"
            f"{child.complaint}"
        )

    def _lost(self, why: str) -> CameraError:
        """End the command; the error to raise."""
        if not self._delivered:
            self._barren += 1
        self.close()
        return CameraError(why)

    def _new_splitter(self) -> Splitter:
        size = self._layout.frame_bytes
        if size is not None:
            return RawSplitter(size)
        return JpegSplitter(3 * self._layout.width * self._layout.height + _SPARE_BYTES)
