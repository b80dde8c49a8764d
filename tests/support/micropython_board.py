"""Runs under MicroPython: the firmware on a board without hardware, its time moved by orders.

Orders come over standard input, each `<BQH` (letter, tick, length or level) and its bytes; answers
go to standard output. The counter of the board has 30 bits and wraps, as the real one does. Its
encoder makes all its steps one by one, each as an interrupt.
"""

import gc
import struct
import sys

sys.path.insert(0, sys.argv[1])
gc.threshold(4_096)  # as boot.py does

from clock import MASK
from encoder import Encoder
from ring import EdgeRing

ORDER = "<BQH"
ANSWER = "<IBBIQQqIIIH"
FAR = 2**63
# The levels of both channels, in the order of a belt that runs forwards.
STATES = (0, 2, 3, 1)
# What is said beyond this while nobody reads is lost, as on a wire.
LINE_BYTES = 4_096


class StandIn:
    """What `pins.Board` is on the Pico: a counter, an output, edges and a line."""

    def __init__(self, boot, tick, channels, can_stop):
        self.boot = boot
        self.runs = False
        self.put_run = self.run if can_stop else None
        self.encoder = Encoder(channels=channels) if channels else None
        self.count = 0
        self.tick = tick
        self.edges = EdgeRing()
        self.energised = None
        self.gate = None
        self.incoming = b""
        self.outgoing = bytearray(LINE_BYTES)
        self.said = 0
        self.fed = 0

    def ticks_us(self):
        return self.tick & MASK

    def edge(self, level):
        """Be interrupted by a photo-eye."""
        self.edges.put(self.ticks_us(), level, self.encoder.peak if self.encoder else 0)

    def step(self, step):
        """Be interrupted by an edge of the encoder."""
        self.count += step
        if self.encoder.channels == 2:
            self.encoder.quadrature(STATES[self.count & 3])
        else:
            self.encoder.single()

    def boot_number(self):
        return self.boot

    def put_gate(self, energised):
        self.energised = energised

    def run(self, powered):
        self.runs = powered

    def start(self, gate):
        self.gate = gate

    def feed(self):
        self.fed += 1

    def any(self):
        return bool(self.incoming)

    def read(self):
        data, self.incoming = self.incoming, b""
        return data

    def write(self, data):
        kept = data[: LINE_BYTES - self.said]
        self.outgoing[self.said : self.said + len(kept)] = kept
        self.said += len(kept)
        return len(data)


class Life:
    """One life of the program; `serve` plays the interrupts and the main loop up to a moment."""

    def __init__(self, boot, tick, wiring, channels, can_stop):
        self.board = StandIn(boot, tick, channels, can_stop)
        main.WIRING = wiring
        self.loop = main.build(self.board)
        self.controller = self.loop._controller
        self.turn()

    def turn(self):
        self.board.gate.beat(self.board.ticks_us())
        self.board.gate.check(self.board.ticks_us())
        self.loop.due[0] = self.board.ticks_us()
        self.loop.turn()

    def pass_time(self, tick):
        """Let the interrupts and the loop do what they would have done until then."""
        while self.board.tick < tick:
            due = self._next_due()
            self.board.tick = min(due, tick)
            if due >= tick:
                break
            self.turn()
        self.board.tick = tick  # may also go back, as no counter should

    def stall(self, tick):
        """Let only the timer's interrupt run, every half millisecond."""
        while self.board.tick < tick:
            self.board.tick = min(self.board.tick + 500, tick)
            self.board.gate.check(self.board.ticks_us())

    def move(self, count):
        """Let the belt go to where its encoder has counted so much."""
        board = self.board
        while board.count != count:
            board.step(1 if count > board.count else -1)
            board.gate.check(board.ticks_us())
            if self.loop._belt_calls():
                self.turn()

    def _next_due(self):
        dues = [self.board.tick + 1_000_000]  # the loop looks at the clock once a second
        deadline = self.controller.deadline_us()
        if deadline is not None:
            dues.append(deadline)
        gate = self.board.gate
        if gate.armed:
            start, centre, span = gate.window
            for raw in (start, start + centre, start + span):
                ahead = (raw - self.board.tick) & MASK
                if 0 < ahead <= MASK // 2:
                    dues.append(self.board.tick + ahead)
        return max(min(dues), self.board.tick + 1)


class Main:
    """Reads orders and answers them."""

    def __init__(self):
        self.life = None
        self.part = 0

    def order(self, letter, tick, count):
        if letter == "B":
            boot, wiring, channels, can_stop = struct.unpack("<IBBB", self.read(count))
            self.life = None  # two lives at one time would not fit a board's memory
            gc.collect()
            self.life = Life(boot, tick, wiring, channels, can_stop)
            return
        board = self.life.board
        if letter == "S":
            self.life.stall(tick)
            return
        if letter == "I":
            board.edges.put(tick & MASK, count, board.encoder.peak)
            return
        if letter in "CLW":
            self.encode(letter, self.read(count))
            return
        self.life.pass_time(tick)
        before = self.life.loop._controller._tracker.count
        if letter == "E":
            board.gate.check(board.ticks_us())
            board.edge(count)
        elif letter == "N":
            self.life.move(struct.unpack("<q", self.read(count))[0])
        elif letter == "D":
            board.incoming += self.read(count)
        self.life.turn()
        after = self.life.loop._controller._tracker.count
        self.part = after if after != before else 0

    def encode(self, letter, data):
        board = self.life.board
        encoder = board.encoder
        if letter == "L":
            encoder.quadrature(encoder._state ^ 3)
            encoder._state ^= 3  # as if nothing had happened
        elif letter == "W":
            encoder._count = encoder.peak = struct.unpack("<q", data)[0]
        else:
            goal = struct.unpack("<q", data)[0]
            while board.count != goal:
                board.step(1 if goal > board.count else -1)

    def read(self, count):
        return sys.stdin.buffer.read(count) if count else b""

    def answer(self):
        board, controller = self.life.board, self.life.controller
        gate = board.gate
        data, board.said = memoryview(board.outgoing)[: board.said], 0
        deadline, output = controller.deadline_us(), controller.output_due_us()
        ticks = controller.ticks_to_go()
        head = struct.pack(
            ANSWER,
            gate.part if gate.is_open else 0,
            (1 if board.energised else 0) | (2 if board.runs else 0),
            1 if controller._tracker.overflow else 0,
            self.part,
            FAR if deadline is None else deadline,
            FAR if output is None else output,
            FAR - 1 if ticks is None else ticks,
            controller.refused(),
            controller._reports.lost,
            gc.mem_alloc(),
            len(data),
        )
        sys.stdout.buffer.write(head)
        sys.stdout.buffer.write(data)

    def serve(self):
        size = struct.calcsize(ORDER)
        while True:
            head = self.read(size)
            if len(head) < size:
                return
            letter, tick, count = struct.unpack(ORDER, head)
            if letter == ord("G"):
                gc.collect()
            else:
                self.order(chr(letter), tick, count)
            self.answer()


class Pins:
    """Stands in the place of the module `pins`."""

    open_board = None


sys.modules["pins"] = Pins
import main

try:
    Main().serve()
except MemoryError as error:
    sys.print_exception(error, sys.stderr)
    sys.exit(1)
