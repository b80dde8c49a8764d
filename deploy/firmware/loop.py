"""One turn of the main loop: what came in, what is due, what goes out."""

import gc
from array import array

from clock import MASK
from encoder import HALF as HALF_BELT
from encoder import MASK as BELT_MASK
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
        self._encoder = board.encoder
        # Up to where the belt may come without work, and what its encoder had counted of trouble.
        self._belt_due = array("I", (HALF_BELT - 1,))
        self._belt_news = 0
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
        if not (due or board.edges.any() or board.any() or self._belt_calls()):
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

    def _belt_calls(self) -> bool:
        """Return whether the belt has come to where something is to be done, or went back."""
        encoder = self._encoder
        if encoder is None:
            return False
        reached = (encoder.peak - self._belt_due[0]) & BELT_MASK < HALF_BELT
        return reached or encoder.turned + encoder.lost != self._belt_news

    def _work(self, data: bytes) -> None:
        clock, controller = self._clock, self._controller
        self._works += 1
        # Read before the edges are taken: one that comes meanwhile is stamped later than this.
        now_us = clock.now()
        encoder = self._encoder
        peak = 0 if encoder is None else encoder.peak
        news = 0 if encoder is None else encoder.turned + encoder.lost
        self._take_edges()
        now_us = max(now_us, controller.now_us())
        if clock.steps_back != self._steps_back or self._board.edges.lost != self._lost_edges:
            self._steps_back, self._lost_edges = clock.steps_back, self._board.edges.lost
            controller.bar_all(now_us)
        if encoder is None:
            controller.advance(now_us)
        else:
            controller.belt(peak, now_us)
            self._belt_news = news
        controller.receive(data, now_us)
        controller.drive(now_us)
        controller.went(self._board.write(controller.output(now_us)))
        self.due[0] = (now_us + self._rest_us(now_us)) & MASK
        due = controller.belt_due()
        self._belt_due[0] = (peak + HALF_BELT) & BELT_MASK if due is None else due

    def _take_edges(self) -> None:
        """Hand the photo-eyes' edges on, each as of its own moment."""
        edges, controller = self._board.edges, self._controller
        while edges.take():
            at_us = max(self._clock.extend(edges.raw), controller.now_us())
            if self._encoder is not None:
                controller.belt(edges.place, at_us)
            if edges.second:
                controller.second_eye(edges.covered, at_us)
            else:
                controller.eye(edges.covered, at_us)

    def _rest_us(self, now_us: int) -> int:
        dues = (self._controller.deadline_us(), self._controller.output_due_us())
        rests = [due_us - now_us for due_us in dues if due_us is not None]
        rests.append(_REST_US)
        return max(0, min(rests))
