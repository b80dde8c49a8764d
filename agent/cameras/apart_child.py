"""A process: hold one camera and hand its frames to the agent; a driver may block it for ever."""

from __future__ import annotations

import ctypes
import importlib
import logging
import signal
import socket
import sys

from agent.cameras.apart_link import (
    SLOTS,
    FrameMemory,
    Opened,
    Word,
    receive_all,
)
from agent.clock import SystemClock
from agent.config.camera import V4l2Camera as Section
from agent.errors import CameraError
from agent.ports import Camera

READ_S = 0.1
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main(words: list[str]) -> None:
    """Serve the camera until its owner hangs up; words: two descriptors, size, driver, section."""
    logging.disable(logging.WARNING)  # the owner says what is to be said
    die_with_parent()
    link = socket.socket(fileno=int(words[0]))
    memory = FrameMemory(int(words[1]), int(words[2]))
    module, name = words[3].split(":")
    section = Section.model_validate_json(words[4])
    camera = getattr(importlib.import_module(module), name)(section, SystemClock())
    try:
        serve(camera, link, memory)
    except CameraError as error:
        link.send(Word.ERROR.value + str(error).encode("utf-8"))
    except OSError:
        return  # the owner has gone
    finally:
        camera.close()


def serve(camera: Camera, link: socket.socket, memory: FrameMemory) -> None:
    """Open the camera and hand on its frames as long as there is room for them."""
    camera.open()
    link.send(Opened(getattr(camera, "settings", ()), getattr(camera, "stamps", "")).packed())
    free = list(range(SLOTS))
    while True:
        frame = camera.read(READ_S)
        packets, gone = receive_all(link)
        if gone:
            return
        free += [packet[1] for packet in packets if packet[:1] == Word.RETURNED.value]
        if frame is None or not free:
            link.send(Word.ALIVE.value)
            continue
        counts = {name: getattr(camera, name, 0) for name in ("damaged", "stale")}
        header = memory.put(free[-1], frame, **counts)
        if header is None:
            raise CameraError("the camera gives larger frames than are configured")
        free.pop()
        link.send(header.packed())


def die_with_parent() -> None:
    """Let the kernel end this process with its owner: a blocked one would keep the device."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
