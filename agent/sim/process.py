"""The simulated gate controller as a program of its own, on a pty, with the belt's own record.

Run by gate driver `sim` and by tests: `python -m agent.sim.process --link PATH --delay-ms 400`.
It says `ready` once the link can be opened. SIGTERM ends it, SIGUSR1 pulls its cable for a while,
SIGUSR2 takes its power away for a moment.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TextIO

from agent.clock import Clock, SystemClock
from agent.sim.belt import Belt
from agent.sim.cable import Cable
from agent.sim.firmware import Firmware
from agent.sim.line_faults import FaultRates, LineFaults
from agent.sim.motion import Motion
from agent.sim.moving_witness import MovingWitness
from agent.sim.oscillator import Oscillator
from agent.sim.witness import BehindGate, Witness

_IDLE_NS = 1_000_000_000


class Controller:
    """Firmware, cable, belt and record, moved on by `step`."""

    def __init__(self, options: argparse.Namespace, clock: Clock, record: TextIO | None) -> None:
        self._clock = clock
        self._record = record
        now_ns = clock.now_ns()
        self._oscillator = Oscillator(now_ns, options.tick_offset_us, options.ppm)
        self._channels = 2 if options.ticks_per_s else 0
        self._witness = _witness(options, self._oscillator, now_ns)
        rates = FaultRates(
            options.drop,
            options.corrupt,
            options.repeat,
            options.delay,
            options.late_ms * 1_000_000,
        )
        self._down, self._up = (LineFaults(rates, options.fault_seed + way) for way in (0, 1))
        self._cable = Cable(Path(options.link))
        self._unplugged_ns = round(options.unplug_s * 1e9)
        self._plug_ns: int | None = None
        self._cable.plug()
        self._firmware = self._power_up()
        self._may_run = False

    @property
    def fd(self) -> int | None:
        """Return the descriptor that wakes the controller."""
        return self._cable.fd

    @property
    def due_ns(self) -> int:
        """Return when `step` must be called at the latest."""
        output_ns = self._oscillator.reached_ns(self._firmware.output_due_us)
        dues = [self._witness.due_ns(self._firmware), self._plug_ns, output_ns]
        dues += [self._down.due_ns, self._up.due_ns, self._clock.now_ns() + _IDLE_NS]
        return min(due for due in dues if due is not None)

    def step(self) -> None:
        """Let everything happen that is due, then hear the host and answer it."""
        data = self._cable.read()
        # Later than the reading: nothing may count as heard before it was said.
        now_ns = self._clock.now_ns()
        for met in self._witness.run(self._firmware, now_ns):
            self._write(met.as_record())
        if self._plug_ns is not None and now_ns >= self._plug_ns:
            self._plug_ns = None
            self._cable.plug()
        self._down.put(data, now_ns)
        now_us = self._oscillator.tick(now_ns)
        self._firmware.receive(self._down.take(now_ns), now_us)
        self._up.put(self._firmware.output(now_us), now_ns)
        self._note_belt(now_ns)
        self._cable.write(self._up.take(now_ns))

    def pull_cable(self) -> None:
        """Pull the cable; it is put back under another number after a while."""
        now_ns = self._clock.now_ns()
        self._cable.unplug()
        self._down.clear()
        self._up.clear()
        self._plug_ns = now_ns + self._unplugged_ns
        self._write({"event": "unplugged", "at_ns": now_ns})

    def reboot(self) -> None:
        """Lose all memory and begin again."""
        self._firmware = self._power_up()

    def end(self) -> None:
        """Take the pty away and close the record."""
        for met in self._witness.abandon():
            self._write(met.as_record())
        refused = self._firmware.refused
        self._write({"event": "end", "at_ns": self._clock.now_ns(), "refused": refused})
        self._cable.unplug()

    def _power_up(self) -> Firmware:
        now_ns = self._clock.now_ns()
        boot = secrets.randbelow(2**32 - 1) + 1
        firmware = Firmware(boot, self._oscillator.tick(now_ns), channels=self._channels)
        self._write({"event": "boot", "at_ns": now_ns, "boot": firmware.boot})
        return firmware

    def _note_belt(self, now_ns: int) -> None:
        """Put down whether the belt may run, where that has changed; the drawn one runs on."""
        if self._firmware.may_run is not self._may_run:
            self._may_run = self._firmware.may_run
            self._write({"event": "belt", "may_run": self._may_run, "at_ns": now_ns})

    def _write(self, line: dict[str, object]) -> None:
        if self._record is not None:
            self._record.write(json.dumps(line) + "\n")
            self._record.flush()


def _witness(
    options: argparse.Namespace, clock: Oscillator, now_ns: int
) -> Witness | MovingWitness:
    """Return the belt: one that runs by the clock, or by its encoder's ticks."""
    belt = Belt(options.rate, options.jitter, options.seed, options.start_ns, options.parts)
    if options.ticks_per_s:
        pairs = [pair.split(":") for pair in options.motion.split(",") if pair]
        steps = [(belt.start_ns + round(float(at) * 1e9), int(speed)) for at, speed in pairs]
        motion = Motion(options.ticks_per_s, belt.start_ns, steps)
        way_ticks = round(options.delay_ms * options.ticks_per_s / 1000)
        return MovingWitness(belt, motion, way_ticks, clock)
    behind = BehindGate(options.second_eye, round(options.second_eye_ms * 1e6), options.flap)
    return Witness(belt, round(options.delay_ms * 1e6), clock, now_ns, behind)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the controller until SIGTERM, or until standard input ends where asked for."""
    options = _parser().parse_args(arguments)
    clock = SystemClock()
    with _folder_of(options), _record_of(options) as record:
        controller = Controller(options, clock, record)
        orders = _signal_pipe()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        try:
            _serve(controller, orders, clock, parent=0 if options.with_parent else None)
        finally:
            controller.end()
    return 0


def _record_of(options: argparse.Namespace) -> AbstractContextManager[TextIO | None]:
    return Path(options.record).open("a", encoding="utf-8") if options.record else nullcontext()


@contextmanager
def _folder_of(options: argparse.Namespace) -> Iterator[None]:
    """Make the link's folder for the parent, and remove it even if the parent was killed."""
    folder = Path(options.link).parent
    if options.with_parent:
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        yield
    finally:
        if options.with_parent:
            with suppress(OSError):
                folder.rmdir()


def _serve(controller: Controller, orders: int, clock: Clock, parent: int | None) -> None:
    while True:
        controller.step()
        wanted = [fd for fd in (controller.fd, orders, parent) if fd is not None]
        rest_s = max(0, controller.due_ns - clock.now_ns()) / 1e9
        ready = select.select(wanted, [], [], rest_s)[0]
        if parent in ready and not os.read(0, 1024):
            return
        for order in os.read(orders, 64) if orders in ready else b"":
            if order == signal.SIGUSR1:
                controller.pull_cable()
            elif order == signal.SIGUSR2:
                controller.reboot()
            elif order in (signal.SIGTERM, signal.SIGINT):
                return


def _signal_pipe() -> int:
    """Return a descriptor on which the numbers of signals arrive as bytes."""
    read_fd, write_fd = os.pipe()
    for fd in (read_fd, write_fd):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(write_fd)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda _number, _frame: None)
    return read_fd


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agent.sim.process", description=__doc__)
    parser.add_argument("--link", required=True, help="name under which the pty can be opened")
    parser.add_argument("--record", default="", help="file for the belt's own record")
    parser.add_argument("--delay-ms", type=float, required=True, help="from photo-eye to gate")
    parser.add_argument("--rate", type=float, default=10.0, help="parts per second")
    parser.add_argument("--jitter", type=float, default=0.3, help="shift as a share of the pitch")
    parser.add_argument("--seed", type=int, default=1, help="seed of the belt")
    parser.add_argument("--start-ns", type=int, default=0, help="monotonic time of part 0")
    parser.add_argument("--parts", type=int, help="number of parts; without it: no end")
    places, flaps = ("none", "bin", "passed"), ("sound", "stuck_shut", "stuck_open")
    parser.add_argument("--second-eye", choices=places, default="none", help="what it looks at")
    parser.add_argument("--second-eye-ms", type=float, default=200.0, help="from the gate to it")
    parser.add_argument("--flap", choices=flaps, default="sound", help="whether it obeys")
    parser.add_argument("--ticks-per-s", type=int, default=0, help="encoder; 0: there is none")
    parser.add_argument("--motion", default="", help="S:TICKS_PER_S,... seconds after part 0")
    parser.add_argument("--with-parent", action="store_true", help="end with standard input")
    parser.add_argument("--tick-offset-us", type=int, default=0, help="the clock's own start")
    parser.add_argument("--ppm", type=int, default=0, help="how fast the controller's clock is")
    for fault in ("drop", "corrupt", "repeat", "delay"):
        parser.add_argument(f"--{fault}", type=float, default=0.0, help="share of frames, each way")
    parser.add_argument("--late-ms", type=int, default=30, help="longest delay of a frame")
    parser.add_argument("--fault-seed", type=int, default=1, help="seed of the line's faults")
    parser.add_argument("--unplug-s", type=float, default=1.0, help="how long SIGUSR1 lasts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
