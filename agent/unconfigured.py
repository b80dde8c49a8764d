"""Wait for what a start needs: alive, no gate opened, so that every part is rejected."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from agent.config.document import MAX_CONFIG_BYTES, Config, read_config
from agent.errors import AgentError, ConfigError
from agent.notify import Notifier

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

logger = logging.getLogger("linewarden.unconfigured")

# Far below the unit's WatchdogSec, and soon enough for a technician who looks on.
LOOK_EVERY_S = 1.0
# What is wrong with the world and not with the file, as a full disk, is tried again.
AGAIN_S = 5.0
WHAT_NEXT = "type: sudo linewarden setup"

Started = TypeVar("Started")


@dataclass(frozen=True, slots=True)
class Lack:
    """Why nothing can be started, in a sentence that says what to do; `passes`: perhaps soon."""

    sentence: str
    passes: bool = False
    config: Config | None = None  # where it is not the configuration that is wrong


class Plant(Protocol):
    """Who else is told while nothing can be started; neither call may raise or take long."""

    def tell(self, config: Config | None, why: str) -> None:
        """Say why; called at every look, with None while there is no good configuration."""
        ...

    def close(self, *, stopped: bool) -> None:
        """Say no more: the agent was `stopped`, or starts and speaks for itself."""
        ...


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


def wait_for_start(
    path: Path,
    start: Callable[[Config], Started],
    notifier: Notifier,
    stop: threading.Event,
    every_s: float = LOOK_EVERY_S,
    plant: Plant | None = None,
) -> Started | None:
    """Return what `start` makes of the configuration, once it can; None when asked to stop before.

    Meanwhile no gate is opened: a gate at rest rejects. The watchdog is fed, since a service
    that is restarted again and again tells nobody what is wrong.
    """
    told, seen, waited_s, found = "", _NEVER_SEEN, 0.0, _try_start(path, start)
    while isinstance(found, Lack):
        status = f"rejecting: {found.sentence}"
        if status != told:
            logger.warning("every part is rejected: %s", found.sentence)
            notifier.ready(status)
            told = status
        notifier.alive(status)
        if plant is not None:
            plant.tell(found.config, found.sentence)
        if stop.wait(every_s):
            notifier.stopping()
            break
        now, waited_s = _stamp(path), waited_s + every_s
        # Also the first time: the file may have changed since it was looked at.
        if now != seen or (found.passes and waited_s >= AGAIN_S):
            seen, waited_s, found = now, 0.0, _try_start(path, start)
    if plant is not None:
        plant.close(stopped=isinstance(found, Lack))
    return None if isinstance(found, Lack) else found


def _try_start(path: Path, start: Callable[[Config], Started]) -> Started | Lack:
    found = look(path)
    if isinstance(found, Lack):
        return found
    try:
        return start(found)
    except AgentError as error:
        return Lack(f"{error}; it is tried again", passes=True, config=found)


_NEVER_SEEN = (-1, -1, -1)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when the file is written anew; zeros while there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size
