"""Keeps `judging.json` up to date beside the slots: at once when it matters, else now and then."""

from __future__ import annotations

import logging
from pathlib import Path

from agent.clock import Clock
from bundle.judging import Judging, write_judging

logger = logging.getLogger("linewarden.models")

EVERY_NS = 1_000_000_000


class JudgingFile:
    """The agent's word for whoever flashes. One thread writes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._last: Judging | None = None
        self._due_ns = 0
        self._failed = False

    def write(self, judging: Judging) -> None:
        """Write it if something new stands in it; a disk that takes nothing costs only that."""
        last, now_ns = self._last, self._clock.now_ns()
        if judging == last or (now_ns < self._due_ns and _essence(judging) == _essence(last)):
            return
        self._due_ns = now_ns + EVERY_NS
        try:
            write_judging(self._folder, judging)
        except OSError as error:
            if not self._failed:
                logger.warning("cannot write judging.json to %s: %s", self._folder, error.strerror)
            self._failed = True
            return
        self._failed, self._last = False, judging


def _essence(judging: Judging | None) -> tuple[object, ...]:
    """Return what somebody waits for."""
    if judging is None:
        return ()
    probation, shadow = judging.probation, judging.shadow
    return (
        judging.sha256,
        judging.since,
        judging.ready,
        judging.refused,
        probation and probation.state,
        shadow and shadow.title,
    )
