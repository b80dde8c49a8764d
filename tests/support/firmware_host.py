"""A host of few words for the simulated controller: one message at a time, time moved by hand."""

from __future__ import annotations

from agent.gates import messages
from agent.gates.link import Link
from agent.gates.wire import DELIMITER, decode_frame
from agent.sim.firmware import Firmware

MS = 1_000
CONFIG = messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 64)
BOOT = 0xB007_0001


class Host:
    """A host of few words, which keeps the controller company."""

    def __init__(self, boot=0x0505_0001, firmware=None):
        self.firmware = firmware or Firmware(BOOT, 0)
        self.link = Link(boot)
        self.now_us = 0
        self.heard = []

    def listen(self):
        """Hear what the controller has to say now."""
        data = self.firmware.output(self.now_us)
        self.heard += self.link.receive(data, self.now_us * 1000)
        self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)

    def say(self, message):
        """Say one thing and hear the answer."""
        if message.ACKED:
            self.link.send(message, self.now_us * 1000, 2**62)
        else:
            self.link.post(message)
        self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)
        self.listen()

    def greet(self, config=CONFIG):
        """Go through the whole handshake."""
        self.say(messages.Hello(messages.VERSION, self.link.boot, 0))
        self.link.meet(self.firmware.boot)
        self.say(messages.Ping(0))
        self.say(config)
        return self

    def wait(self, until_us, *, ping=True):
        """Let time pass in steps of a millisecond, with or without heartbeat."""
        while self.now_us < until_us:
            self.now_us = min(self.now_us + MS, until_us)
            self.firmware.advance(self.now_us)
            if ping and self.now_us % (100 * MS) == 0:
                self.link.post(messages.Ping(self.now_us))
            self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)
            self.listen()

    def part(self):
        """Let a part pass the photo-eye now."""
        number = self.firmware.eye(self.now_us, covered=True)
        self.firmware.eye(self.now_us, covered=False)
        return number

    def allow(self, part, expiry=None, boot=BOOT):
        """Give the permission for a part."""
        if expiry is None:
            expiry = self.now_us + CONFIG.delay_us
        self.say(messages.Pass(boot, part, expiry))

    def all(self, kind):
        """Return what was heard of one class."""
        return [message for message in self.heard if isinstance(message, kind)]

    def outcomes(self):
        """Return what was reported of each part."""
        return {message.part: message.kind for message in self.all(messages.Outcome)}


def said(data):
    """Return the messages in what the controller put out."""
    return [decode_frame(piece).message for piece in data.split(DELIMITER) if piece]


class BeltHost(Host):
    """A host whose belt has an encoder: a tick a millisecond at its own speed."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.ticks = 0.0

    def wait(self, until_us, *, ping=True, speed=1.0):
        """Let time pass and the belt run, so many ticks each millisecond."""
        while self.now_us < until_us:
            self.now_us += MS
            self.run(speed)
            if ping and self.now_us % (100 * MS) == 0:
                self.link.post(messages.Ping(self.now_us))
            self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)
            self.listen()

    def run(self, ticks):
        """Move the belt within this moment."""
        self.ticks += ticks
        self.firmware.belt(self.now_us, int(self.ticks))

    def faults(self):
        """Return the faults that were told last."""
        return self.all(messages.Fault)[-1].faults if self.all(messages.Fault) else 0
