"""Bounded hand-over between lanes: one kind that never loses, one where the newest frames win."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from agent.clock import Clock
from agent.records import Frame

T = TypeVar("T")

FEWEST_FRAMES, MOST_FRAMES = 4, 512
MOST_FRAME_BYTES = 64 << 20


class NeverLose(Generic[T]):
    """A bounded queue. A full one refuses, and whoever hands over decides what that costs.

    `on_put` is called after each item, outside of the lock: it wakes a reader that waits for
    something else as well.
    """

    def __init__(self, capacity: int, on_put: Callable[[], None] | None = None) -> None:
        self._capacity = capacity
        self._on_put = on_put
        self._items: deque[T] = deque()
        self._filled = threading.Condition()
        self._refused = 0

    def put(self, item: T) -> bool:
        """Hand over one item; False, and counted, when the box is full."""
        with self._filled:
            if len(self._items) >= self._capacity:
                self._refused += 1
                return False
            self._items.append(item)
            self._filled.notify()
        if self._on_put is not None:
            self._on_put()
        return True

    def take(self, timeout_s: float) -> T | None:
        """Return the oldest item, or None when there is none after `timeout_s`."""
        with self._filled:
            if not self._items and timeout_s > 0:
                self._filled.wait(timeout_s)
            return self._items.popleft() if self._items else None

    def take_all(self, timeout_s: float, limit: int | None = None) -> list[T]:
        """Return what is there, oldest first; waits up to `timeout_s` for the first item."""
        with self._filled:
            if not self._items and timeout_s > 0:
                self._filled.wait(timeout_s)
            count = len(self._items) if limit is None else min(limit, len(self._items))
            return [self._items.popleft() for _ in range(count)]

    def room(self) -> int:
        """Return how many more items the box would take now."""
        with self._filled:
            return self._capacity - len(self._items)

    @property
    def refused(self) -> int:
        """Return how many items found the box full."""
        return self._refused

    def __len__(self) -> int:
        with self._filled:
            return len(self._items)


class NewestWins:
    """The camera's frames of the last `keep_ns`; older ones make room.

    The last four are kept however old and large they are, and no more than `most_bytes` and 512.
    """

    def __init__(self, clock: Clock, keep_ns: int = 0, most_bytes: int = MOST_FRAME_BYTES) -> None:
        self._clock = clock
        self._keep_ns = keep_ns
        self._most_bytes = most_bytes
        self._frames: deque[tuple[Frame, int]] = deque()
        self._bytes = 0
        self._arrived = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Take in a frame and note when it was in hand."""
        with self._arrived:
            self._frames.append((frame, self._clock.now_ns()))
            self._bytes += frame.pixels.nbytes
            self._make_room(frame.taken_ns - self._keep_ns)
            self._arrived.notify_all()

    def first_within(
        self, from_ns: int, until_ns: int, give_up_ns: int
    ) -> tuple[Frame, int] | None:
        """Return the first frame taken in [from_ns, until_ns] and when it was in hand.

        Waits for it, but not beyond `give_up_ns`, nor once a later frame shows that none will
        come. A frame taken before `from_ns` is never returned: it shows another part.
        """
        with self._arrived:
            while True:
                for frame, in_hand_ns in self._frames:
                    if frame.taken_ns > until_ns:
                        return None
                    if frame.taken_ns >= from_ns:
                        return frame, in_hand_ns
                left_s = (give_up_ns - self._clock.now_ns()) / 1e9
                if left_s <= 0 or not self._arrived.wait(left_s):
                    return None

    def _make_room(self, from_ns: int) -> None:
        while len(self._frames) > FEWEST_FRAMES:
            oldest = self._frames[0][0]
            fits = self._bytes <= self._most_bytes and len(self._frames) <= MOST_FRAMES
            if fits and oldest.taken_ns >= from_ns:
                return
            self._frames.popleft()
            self._bytes -= oldest.pixels.nbytes
