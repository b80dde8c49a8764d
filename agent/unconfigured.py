"""Wait for a configuration: alive, no gate opened, so that every part is rejected."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from agent.config import MAX_CONFIG_BYTES, Config, read_config
from agent.errors import ConfigError
from agent.notify import Notifier

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

logger = logging.getLogger("linewarden.unconfigured")

# Far below the unit's WatchdogSec, and soon enough for a technician who looks on.
LOOK_EVERY_S = 1.0
WHAT_NEXT = "type: sudo linewarden setup"


@dataclass(frozen=True, slots=True)
class Lack:
    """Why there is no configuration to run with, in a sentence that says what to do."""

    sentence: str


def is_unconfigured(path: Path) -> bool:
    """Whether there is no configuration yet: no file, or one of nothing but comments."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            return False
        return not tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return False


def look(path: Path) -> Config | Lack:
    """Return the configuration, or what is lacking."""
    if is_unconfigured(path):
        return Lack(f"not configured yet: {WHAT_NEXT}")
    try:
        return read_config(path)
    except ConfigError as error:
        return Lack(f"{error}; mend it, or {WHAT_NEXT}")


def wait_for_config(
    path: Path, notifier: Notifier, stop: threading.Event, every_s: float = LOOK_EVERY_S
) -> Config | None:
    """Return the configuration once there is one; None when asked to stop before.

    Meanwhile no gate is opened: a gate at rest rejects. The watchdog is fed, since a service
    that is restarted again and again tells nobody what is wrong.
    """
    told, seen, found = "", _NEVER_SEEN, look(path)
    while isinstance(found, Lack):
        status = f"rejecting: {found.sentence}"
        if status != told:
            logger.warning("every part is rejected: %s", found.sentence)
            notifier.ready(status)
            told = status
        notifier.alive(status)
        if stop.wait(every_s):
            notifier.stopping()
            return None
        now = _stamp(path)
        if now != seen:  # also the first time: it may have changed since it was looked at
            seen, found = now, look(path)
    return found


_NEVER_SEEN = (-1, -1, -1)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when the file is written anew; zeros while there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size
