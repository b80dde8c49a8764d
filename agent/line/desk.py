"""Takes what a named person asks of the line, notes it in the audit chain, and carries it out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from agent.audit.chain import AuditChain
from agent.audit.rows import Deed, anchor_text
from agent.clock import Clock
from agent.config.bypass import Bypass
from agent.errors import LedgerError, LineError
from agent.ledger.disk import host_boot_id
from agent.line.files import (
    LineState,
    Request,
    drop_request,
    read_state,
    take_request,
    write_state,
)
from agent.line.mode import INSPECTING, LineMode, Mode, ModeKind
from agent.wall_time import iso_time

logger = logging.getLogger("linewarden.line")

_NS_PER_MINUTE = 60_000_000_000
_DEEDS = {
    ModeKind.INSPECTING: (Deed.RESUMED, "line_resumed", "inspects parts again"),
    ModeKind.PAUSED: (Deed.PAUSED, "line_paused", "is paused: every part is diverted"),
    ModeKind.BYPASSED: (Deed.BYPASSED, "line_bypassed", "lets parts through UNINSPECTED"),
    ModeKind.LATCHED: (Deed.LATCHED, "line_latched", "diverts every part: call maintenance"),
}


class LineDesk:
    """Between whoever asks and the gate lane. One thread calls: the service's own.

    A bypass stands in the audit chain before it is in force; what cannot be noted is refused. A
    pause, a latch and a resumption come first, and an event says so if they could not be noted.
    """

    def __init__(
        self,
        folder: Path,
        mode: LineMode,
        section: Bypass,
        tell: Callable[[str, str], None],
        clock: Clock,
        *,
        stops: bool = False,
    ) -> None:
        """Take everything; `stops` says that a latch stops the belt, which no accident may free."""
        self._folder = folder
        self._stops = stops
        self._mode = mode
        self._section = section
        self._tell = tell
        self._clock = clock
        self._chain = AuditChain(folder, clock)
        self._host_boot = host_boot_id()
        self._written: Mode | None = None

    def open(self) -> None:
        """Take up a pause or a latch of before; a bypass never survives, nor does a request."""
        drop_request(self._folder)
        before = self._before()
        if before.mode in {ModeKind.PAUSED, ModeKind.LATCHED}:
            self._mode.change(Mode(before.mode, before.by, before.why, before.since_wall_ns))
            kind = _DEEDS[before.mode][1]
            self._tell(kind, f"the line is still {before.mode.value}, by {before.by}: {before.why}")
        elif before.mode is ModeKind.BYPASSED:
            self._note(INSPECTING, "linewarden", f"the bypass by {before.by} ended with its agent")
        self._keep()

    def check(self) -> None:
        """Do what is asked, and end what is over."""
        ended = self._mode.expire(self._clock.now_ns())
        if ended is not None:
            self._note(INSPECTING, "linewarden", f"the bypass by {ended.by} has run out of time")
        known = self._written
        if self._mode.set != known:  # a request in the same moment must not hide a latch
            self._note_latch()
            self._keep()
        try:
            request = take_request(self._folder)
        except LineError as error:
            logger.warning("%s", error)
            self._tell("line_refused", str(error))
            request = None
        if request is not None:
            self._answer(request, known)

    def close(self) -> None:
        """End a bypass with the agent."""
        mode = self._mode.set
        if mode.kind is ModeKind.BYPASSED:
            self._mode.change(INSPECTING)
            self._note(INSPECTING, "linewarden", f"the bypass by {mode.by} ended with the agent")
        drop_request(self._folder)
        self._keep()

    def _answer(self, request: Request, known: Mode | None) -> None:
        try:
            text = self._do(request, known)
        except LineError as error:
            text, done = str(error), False
            self._tell("line_refused", f"{request.by} asked to {request.action}: {error}")
        else:
            done = True
        self._keep(request.id, done=done, text=text)

    def _do(self, request: Request, known: Mode | None) -> str:
        """Carry out a request; returns what was done. Raises LineError.

        `known` is what the line was set to as far as whoever asks can know.
        """
        if not request.fresh(self._host_boot, self._clock.now_ns()):
            raise LineError("the request is old: ask again")
        who = f"{request.by} ({request.account})" if request.account else request.by
        if request.action == "bypass":
            return self._bypass(request, who)
        kind = ModeKind.PAUSED if request.action == "pause" else ModeKind.INSPECTING
        wall_ns = self._clock.wall_ns()
        mode = Mode(kind, request.by, request.why, wall_ns)
        if kind is ModeKind.PAUSED:
            self._mode.change(mode)
        elif not self._mode.resume(mode, known):
            raise LineError(
                "the gate has just been latched: see `linewarden line show`, have it mended, then "
                "resume"
            )
        done = self._note(mode, who, request.why)
        now = self._mode.set
        return f"{done}; it stays latched: {now.why}" if now.kind is ModeKind.LATCHED else done

    def _bypass(self, request: Request, who: str) -> str:
        section = self._section
        if not section.allowed:
            raise LineError("bypass.allowed is false on this line: no part passes uninspected")
        minutes = section.max_minutes if request.minutes is None else request.minutes
        if minutes > section.max_minutes:
            raise LineError(
                f"--minutes {minutes:g} is more than bypass.max_minutes {section.max_minutes:g}"
            )
        if self._mode.set.kind is ModeKind.LATCHED:
            raise LineError("the gate is latched since it disagreed: have it mended, then resume")
        text = f"{request.why} (for {minutes:g} minutes)"
        noted = self._note(Mode(ModeKind.BYPASSED), who, text, must=True)
        # The times count from here: noting takes as long as the disk does.
        span_ns, wall_ns = round(minutes * _NS_PER_MINUTE), self._clock.wall_ns()
        until_ns = self._clock.now_ns() + span_ns
        mode = Mode(
            ModeKind.BYPASSED, request.by, request.why, wall_ns, until_ns, wall_ns + span_ns
        )
        if not self._mode.change(mode):
            raise LineError("the gate has just been latched: have it mended, then resume")
        return noted

    def _note_latch(self) -> None:
        mode = self._mode.set
        if mode.kind is ModeKind.LATCHED:
            self._note(mode, "linewarden", mode.why)

    def _note(self, mode: Mode, who: str, why: str, *, must: bool = False) -> str:
        """Add the audit row and tell the plant. With `must` raises LineError where it cannot."""
        deed, kind, does = _DEEDS[mode.kind]
        text = f"the line {does}: {why}"
        try:
            head = self._chain.append(deed, who, text)
        except LedgerError as error:
            if must:
                raise LineError(f"not done, since it cannot be noted: {error}") from error
            self._tell("audit_lost", f"{text}, and that stands in no chain: {error}")
            anchor = "not noted"
        else:
            anchor = anchor_text(head)
        logger.warning("%s: %s", who, text)
        self._tell(kind, f"{who}: {text}; {anchor}")
        return text

    def _before(self) -> LineState:
        """Return what the line was set to; a damaged file counts as a pause, or as a latch."""
        try:
            return read_state(self._folder) or LineState(mode=ModeKind.INSPECTING)
        except LineError as error:
            kind = ModeKind.LATCHED if self._stops else ModeKind.PAUSED
            return LineState(mode=kind, by="linewarden", why=str(error))

    def _keep(self, answered: str = "", *, done: bool = True, text: str = "") -> None:
        mode = self._mode.set
        state = LineState(
            mode=mode.kind,
            by=mode.by,
            why=mode.why,
            since_wall_ns=mode.since_wall_ns,
            until_wall_ns=mode.until_wall_ns,
            answered=answered,
            done=done,
            text=text,
        )
        self._written = mode
        try:
            write_state(self._folder, state)
        except OSError as error:
            self._tell("line_unsaved", f"the state of the line cannot be saved: {error.strerror}")


def mode_text(mode: Mode) -> str:
    """Say the line's state in one line for a technician; empty while it inspects."""
    if mode.kind is ModeKind.INSPECTING:
        return ""
    until = f" until {iso_time(mode.until_wall_ns)}" if mode.until_wall_ns else ""
    return f"{mode.kind.value.upper()} by {mode.by}{until}: {mode.why}"
