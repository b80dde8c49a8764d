"""The program of the board: turn after turn, for ever."""

import gc

from clock import Clock
from controller import Controller
from gate import Gate
from loop import Loop
from pins import open_board
from settings import WIRING


def build(board) -> Loop:
    """Return the whole program on this board, its gate at rest and its timer running."""
    gc.collect()
    gc.threshold(4_096)  # also for what is made here, see boot.py
    gate = Gate(board.put_gate, board.encoder)
    gate.inverted = WIRING == 1
    gate.rest()
    clock = Clock(board.ticks_us)
    now_us = clock.now_us
    outputs = (board.encoder, board.put_run)
    controller = Controller(board.boot_number(), WIRING, gate, now_us, *outputs)
    gc.collect()
    gc.threshold(-1)
    board.start(gate)
    return Loop(board, clock, gate, controller)


def run() -> None:
    """Serve until the power goes; the watchdog is fed by this loop and by nothing else."""
    board = open_board()
    if board is None:
        return
    try:
        loop = build(board)
        while True:
            board.feed()
            if not loop.turn():
                loop.rest()
    finally:
        # Whatever ended it, an error of ours included: at rest, and then the watchdog resets.
        board.make_safe()


if __name__ == "__main__":
    run()
