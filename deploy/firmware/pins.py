"""The Raspberry Pi Pico's hardware: the only module that knows it, and tests replace it."""

import os
import time

import micropython
import settings
from encoder import Encoder
from machine import WDT, Pin, Timer
from ring import EdgeRing

# How often the gate's window is looked at: the greatest delay of an opening or a shutting.
_CHECK_HZ = 2_000


class Board:
    """Pins, interrupts, timer, watchdog and the line to the host."""

    def __init__(self, line) -> None:
        self.edges = EdgeRing()
        self.encoder = None
        if settings.ENCODER_A_PIN is not None:
            self.encoder = Encoder(channels=1 if settings.ENCODER_B_PIN is None else 2)
        self.ticks_us = time.ticks_us
        self.any = line.any
        self.read = line.read
        self.write = line.write
        rest = int((settings.WIRING == 1) != settings.GATE_ACTIVE_LOW)
        self._pin = Pin(settings.GATE_PIN, Pin.OUT, value=rest)
        self.put_run = None
        if settings.RUN_PIN is not None:
            self._run_pin = Pin(settings.RUN_PIN, Pin.OUT, value=int(settings.RUN_ACTIVE_LOW))
            self.put_run = self._put_run
        self._eye_pin = Pin(settings.EYE_PIN, Pin.IN, Pin.PULL_UP if settings.EYE_PULL_UP else None)
        self._eye_idle = 1 if settings.EYE_ACTIVE_LOW else 0
        self._gate = None
        self._timer = Timer()
        self._watchdog = None

    def boot_number(self) -> int:
        """Return a random number of 32 bits that is not 0."""
        return int.from_bytes(os.urandom(4), "little") or 1

    def put_gate(self, energised) -> None:
        """Energise the gate or not."""
        self._pin.value(energised != settings.GATE_ACTIVE_LOW)

    def start(self, gate) -> None:
        """Let the interrupts and the watchdog begin."""
        self._gate = gate
        # An interrupt that fails has nowhere to put its story unless there is a place for it.
        micropython.alloc_emergency_exception_buf(100)
        both = Pin.IRQ_RISING | Pin.IRQ_FALLING
        self._on_eye(self._eye_pin)
        self._eye_pin.irq(self._on_eye, both, hard=True)
        self._start_second_eye(both)
        self._start_encoder(both)
        self._timer.init(freq=_CHECK_HZ, callback=self._on_timer, hard=True)
        self._watchdog = WDT(timeout=settings.WATCHDOG_MS)

    def feed(self) -> None:
        """Tell the watchdog that the main loop goes round."""
        self._watchdog.feed()

    def make_safe(self) -> None:
        """Put the gate to rest, and let the belt stand, without anybody's help."""
        self._timer.deinit()
        self.put_gate(settings.WIRING == 1)
        if self.put_run is not None:
            self.put_run(False)

    def _put_run(self, powered) -> None:
        self._run_pin.value(powered != settings.RUN_ACTIVE_LOW)

    def _on_timer(self, _timer) -> None:
        self._gate.check(self.ticks_us())

    def _on_eye(self, pin) -> None:
        self.edges.put(self.ticks_us(), pin.value() != self._eye_idle, self._place())

    def _on_second_eye(self, pin) -> None:
        covered = pin.value() != self._second_idle
        self.edges.put(self.ticks_us(), 3 if covered else 2, self._place())

    def _place(self) -> int:
        encoder = self.encoder
        return 0 if encoder is None else encoder.peak

    def _on_encoder(self, _pin) -> None:
        self.encoder.quadrature(self._a.value() << 1 | self._b.value())

    def _on_pulse(self, _pin) -> None:
        self.encoder.single()

    def _start_second_eye(self, both: int) -> None:
        if settings.SECOND_EYE_PIN is None:
            return
        self._second_idle = 1 if settings.SECOND_EYE_ACTIVE_LOW else 0
        pull_up = Pin.PULL_UP if settings.EYE_PULL_UP else None
        self._second_pin = Pin(settings.SECOND_EYE_PIN, Pin.IN, pull_up)
        self._second_pin.irq(self._on_second_eye, both, hard=True)

    def _start_encoder(self, both: int) -> None:
        if self.encoder is None:
            return
        self._a = Pin(settings.ENCODER_A_PIN, Pin.IN, Pin.PULL_UP)
        if settings.ENCODER_B_PIN is None:
            self._a.irq(self._on_pulse, both, hard=True)
            return
        self._b = Pin(settings.ENCODER_B_PIN, Pin.IN, Pin.PULL_UP)
        self.encoder.settle(self._a.value() << 1 | self._b.value())
        self._a.irq(self._on_encoder, both, hard=True)
        self._b.irq(self._on_encoder, both, hard=True)


def open_board() -> "Board | None":
    """Return the board with its gate at rest; None while the service pin is held to ground."""
    if not Pin(settings.SERVICE_PIN, Pin.IN, Pin.PULL_UP).value():
        return None
    # Only what is used takes memory.
    if settings.STREAM == "uart":
        from line_uart import UartLine

        return Board(UartLine())
    from line_usb import UsbLine

    return Board(UsbLine())
