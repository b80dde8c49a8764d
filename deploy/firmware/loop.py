"""One turn of the main loop: what came in, what is due, what goes out."""

import gc
from array import array

from clock import MASK
from micropython import const

# Rubbish is collected after so many turns with work, when nothing is due for so long. To ask how
# much there is would take as long as to collect it.
_WORKS = const(40)
_IDLE_US = const(5_000)
_HALF = const(0x20000000)
# Nothing due: look again after this time anyway, for the clock must not miss a wrap.
_REST_US = const(1_000_000)


class Loop:
    """Joins the board, the clock, the gate and the controller; `turn` never waits."""

    def __init__(self, board, clock, gate, controller) -> None:
        self._board = board
        self._clock = clock
        self._gate = gate
        self._controller = controller
        self._steps_back = clock.steps_back
        self._lost_edges = board.edges.lost
        # An array gives back a small integer, with which an idle turn makes no rubbish.
        self.due = array("I", (clock.now_us & MASK,))
        self._works = 0

    def turn(self) -> bool:
        """Do what is to be done now; False when that was nothing.

        A turn without work makes no long integers, hence no rubbish.
        """
        board = self._board
        raw = board.ticks_us()
        self._gate.beat(raw)
        due = (raw - self.due[0]) & MASK < _HALF
        if not (due or board.edges.any() or board.any()):
            return False
        self._work(board.read())
        return True

    def rest(self) -> None:
        """Collect rubbish if there is likely some and time for it."""
        if self._works < _WORKS:
            return
        if _IDLE_US < (self.due[0] - self._board.ticks_us()) & MASK < _HALF:
            self._works = 0
            gc.collect()

    def _work(self, data: bytes) -> None:
        clock, controller = self._clock, self._controller
        self._works += 1
        # Read before the edges are taken: one that comes meanwhile is stamped later than this.
        now_us = clock.now()
        self._take_edges()
        now_us = max(now_us, controller.now_us())
        if clock.steps_back != self._steps_back or self._board.edges.lost != self._lost_edges:
            self._steps_back, self._lost_edges = clock.steps_back, self._board.edges.lost
            controller.bar_all(now_us)
        controller.advance(now_us)
        controller.receive(data, now_us)
        controller.drive(now_us)
        controller.went(self._board.write(controller.output(now_us)))
        self.due[0] = (now_us + self._rest_us(now_us)) & MASK

    def _take_edges(self) -> None:
        """Hand the photo-eyes' edges on, each as of its own moment."""
        edges, controller = self._board.edges, self._controller
        while edges.take():
            at_us = max(self._clock.extend(edges.raw), controller.now_us())
            if edges.second:
                controller.second_eye(edges.covered, at_us)
            else:
                controller.eye(edges.covered, at_us)

    def _rest_us(self, now_us: int) -> int:
        dues = (self._controller.deadline_us(), self._controller.output_due_us())
        rests = [due_us - now_us for due_us in dues if due_us is not None]
        rests.append(_REST_US)
        return max(0, min(rests))
