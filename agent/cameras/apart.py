"""A video device held by a process of its own: one that blocks is killed, never waited for."""

from __future__ import annotations

import logging
import os
import select
import socket
import sys

from agent.cameras.apart_link import (
    SLOTS,
    FrameMemory,
    Header,
    Opened,
    Word,
    receive_all,
    unpack_header,
    unpack_opened,
)
from agent.cameras.pipe_child import Child
from agent.clock import Clock
from agent.config.camera import V4l2Camera as Section
from agent.errors import CameraError
from agent.records import Frame, Setting

V4L2 = "agent.cameras.v4l2:V4l2Camera"
_PATIENCE_S = 3.0  # what `open` waits for the first word: less than a lane may hang
_START_NS = 12_000_000_000  # and what all of it may take at first
_LONGEST_START_NS = 60_000_000_000  # a board may take longer: each start in vain doubles it
_GRACE_NS = 500_000_000  # the driver's own deadline comes first, since it knows more

_log = logging.getLogger(__name__)


class ApartCamera:
    """One camera driver in a child process; frames come through shared memory.

    A call into a video driver can block for ever, and no thread can be ended from outside. What
    the driver itself says (CameraError, settings, frame times) comes through unchanged. A child
    without a word is killed and CameraError raised; one that cannot be killed is left to itself.
    One that had not begun yet may only be slow, on a busy board: the next is given twice the time.
    """

    def __init__(self, section: Section, clock: Clock, driver: str = V4L2) -> None:
        self._section = section
        self._clock = clock
        self._driver = driver
        depth = 1 if section.colour == "gray" else 3
        self._frame_bytes = section.width * section.height * depth
        self._stale_ns = round(section.stale_ms * 1e6)
        self._silent_ns = round(section.silent_ms * 1e6) + _GRACE_NS
        self._child: Child | None = None
        self._link: socket.socket | None = None
        self._memory: FrameMemory | None = None
        self._start_ns = _START_NS
        self._heard_ns = 0
        self._is_open = False
        self.settings: tuple[Setting, ...] = ()
        self.stamps = ""
        self.damaged = self.stale = 0

    @property
    def pid(self) -> int | None:
        """Return the number of the camera's process; None while it does not run."""
        return None if self._child is None else self._child.pid

    def open(self) -> None:
        """Start the process and wait for its word; a slow one is waited for by `read`.

        Raises CameraError when the driver refuses the camera or the process ends.
        """
        self.close()
        link = self._start()
        self._heard_ns = self._clock.now_ns()
        end_ns = self._heard_ns + round(_PATIENCE_S * 1e9)
        while not self._is_open and (left_ns := end_ns - self._clock.now_ns()) > 0:
            header = self._newest(link, left_ns / 1e9)
            if header is not None:  # taken before the camera was known to be open
                self._give_back(link, header)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or None after `timeout_s`. Raises CameraError when lost."""
        link, memory = self._link, self._memory
        if link is None or memory is None:
            raise CameraError("the camera is not open")
        end_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while (left_ns := end_ns - self._clock.now_ns()) > 0:
            header = self._newest(link, left_ns / 1e9)
            if header is None:
                continue
            pixels = memory.take(header)
            self._give_back(link, header)
            if self._clock.now_ns() - header.taken_ns <= self._stale_ns:
                return Frame(pixels, header.taken_ns, header.sequence)
            self.stale += 1
        self._refuse_silence()
        return None

    def close(self) -> None:
        """End the process; harmless when it does not run."""
        self._is_open = False
        link, self._link = self._link, None
        child, self._child = self._child, None
        memory, self._memory = self._memory, None
        if link is not None:
            link.close()
        if child is not None:
            child.end()
        if memory is not None:
            memory.close()

    def _start(self) -> socket.socket:
        size = SLOTS * self._frame_bytes
        room = os.memfd_create("linewarden-frames")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            os.ftruncate(room, size)
            self._memory = FrameMemory(room, self._frame_bytes)
            section = self._section.model_dump_json()
            numbers = [str(one) for one in (theirs.fileno(), room, self._frame_bytes)]
            command = [sys.executable, "-m", "agent.cameras.apart_child", *numbers]
            self._child = Child([*command, self._driver, section], keeps=(theirs.fileno(), room))
        except (OSError, CameraError) as error:
            ours.close()
            self.close()
            raise CameraError(f"the camera's process cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(room)
        self._link = ours
        return ours

    def _newest(self, link: socket.socket, timeout_s: float) -> Header | None:
        """Wait for packets and take them in; returns the newest frame's header."""
        poller = select.poll()
        poller.register(link, select.POLLIN)
        if not poller.poll(timeout_s * 1000):
            return None
        packets, gone = receive_all(link)
        newest: Header | None = None
        for packet in packets:
            header = self._take(packet)
            if header is not None:
                if newest is not None:
                    self._give_back(link, newest)
                newest = header
        if self._child is not None:
            self._child.wait(0.0)  # what it says of errors must not fill its pipe
        if gone and newest is None:
            raise self._lost(self._obituary())
        return newest

    def _take(self, packet: bytes) -> Header | None:
        self._heard_ns = self._clock.now_ns()
        word = packet[:1]
        if word == Word.FRAME.value:
            header = unpack_header(packet)
            self.damaged = header.damaged
            return header
        if word == Word.OPENED.value:
            self._note_open(unpack_opened(packet))
        elif word == Word.ERROR.value:
            raise self._lost(packet[1:].decode("utf-8", "replace"))
        return None

    def _note_open(self, opened: Opened) -> None:
        self._is_open = True
        self._start_ns = _START_NS
        self.settings, self.stamps = opened.settings, opened.stamps
        name = self._section.device
        level = logging.INFO if opened.stamps == "driver" else logging.WARNING
        _log.log(level, "camera %s: frame times are from: %s", name, opened.stamps)
        for one in opened.settings:
            if not one.kept:
                words = (name, one.name, one.wanted, one.given)
                _log.warning("camera %s: %s: asked for %s, it has %s", *words)

    def _give_back(self, link: socket.socket, header: Header) -> None:
        try:
            link.send(Word.RETURNED.value + bytes((header.slot,)), socket.MSG_DONTWAIT)
        except OSError:
            return  # it has ended, or hangs: the next read finds out

    def _refuse_silence(self) -> None:
        limit_ns = self._silent_ns if self._is_open else self._start_ns
        if self._clock.now_ns() - self._heard_ns <= limit_ns:
            return
        name = self._section.device
        if self._is_open:
            raise self._lost(
                f"the driver of the camera {name} does not answer any more: "
                "its process was ended and is started anew"
            )
        self._start_ns = min(2 * limit_ns, _LONGEST_START_NS)
        raise self._lost(
            f"the camera {name} did not answer within {limit_ns / 1e9:g} s of its process's start: "
            f"it is started anew, and given {self._start_ns / 1e9:g} s"
        )

    def _obituary(self) -> str:
        if self._child is None:
            return "the camera is not open"
        return f"the process of the camera {self._section.device}: {self._child.obituary()}"

    def _lost(self, why: str) -> CameraError:
        """End the process; the error to raise."""
        self.close()
        return CameraError(why)
