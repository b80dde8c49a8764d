"""Camera -> newest frames; opens a lost camera again."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.errors import CameraError
from agent.lanes.lane import Lane
from agent.mailbox import NewestWins
from agent.ports import Camera
from agent.quality.frames import FrozenWatch
from agent.records import Event, Frame, Reason
from agent.triggers.source import Onlooker

FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 200_000_000, 5_000_000_000


class CaptureLane(Lane):
    """Owns the camera."""

    def __init__(
        self,
        camera: Camera,
        frames: NewestWins,
        tell: Callable[[Event], bool],
        clock: Clock,
        watch: FrozenWatch,
        onlooker: Onlooker | None = None,
    ) -> None:
        super().__init__("capture", clock)
        self._camera = camera
        self._frames = frames
        self._tell_event = tell
        self._next_try_ns = 0
        self._pause_ns = FIRST_PAUSE_NS
        self._watch = watch
        self._onlooker = onlooker
        self._is_open = False
        self.fault = Reason.CAMERA_LOST
        self.taken = 0

    @property
    def up(self) -> bool:
        """Whether the camera delivers frames, and not the same again and again."""
        return self.fault is Reason.NONE

    def step(self) -> None:
        """Read one frame, or try to open the camera once its pause is over."""
        if not self._is_open:
            self._try_open()
            return
        try:
            frame = self._camera.read(self.STEP_S)
        except CameraError as error:
            self._lose(error)
            return
        if frame is not None:
            self._take(frame)

    def end(self) -> None:
        """Let go of the camera."""
        self._camera.close()
        self._is_open = False
        self.fault = Reason.CAMERA_LOST

    def _take(self, frame: Frame) -> None:
        """Hand a frame on unless it repeats the last one: then it shows nothing new."""
        self.taken += 1
        if self._watch.repeats(frame.pixels) == 0:
            self._pause_ns = FIRST_PAUSE_NS
            if not self.up:
                # Not before: a camera with a process of its own may open after `open` came back.
                self.fault = Reason.NONE
                self._tell("camera_up", "the camera delivers frames")
            self._frames.put(frame)
            if self._onlooker is not None:
                self._onlooker.see(frame)  # after the mailbox has it: a part's frame must be there
        elif self._watch.frozen:
            text = "the camera shows the same picture again and again: it is opened again"
            self._lose(CameraError(text), Reason.CAMERA_FROZEN)

    def _try_open(self) -> None:
        now_ns = self.clock.now_ns()
        if now_ns < self._next_try_ns:
            self.clock.sleep(min(self.STEP_S, (self._next_try_ns - now_ns) / 1e9))
            return
        try:
            self._camera.open()
        except CameraError as error:
            self._lose(error)
            return
        self._is_open = True

    def _lose(self, error: CameraError, why: Reason = Reason.CAMERA_LOST) -> None:
        """Report a loss once, then try again at growing distances."""
        if self.up or self._pause_ns == FIRST_PAUSE_NS or why is not self.fault:
            self._tell(why.value, str(error))
        self._camera.close()
        self._is_open = False
        self.fault = why
        if self._onlooker is not None:
            self._onlooker.blind(str(error))
        self._next_try_ns = self.clock.now_ns() + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, LONGEST_PAUSE_NS)

    def _tell(self, kind: str, text: str) -> None:
        self._tell_event(Event(kind, text, self.clock.now_ns()))
