"""What the drill does at the gate for each step, and what the gate reports of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.config.document import Config
from agent.drill.station import Station
from agent.drill.steps import Play, Step, reports
from agent.drill.talk import Talk
from agent.errors import DrillError

HEARTBEAT_NS = 500_000_000
FOUND_AGAIN_S = 30.0
ANSWERED_S = 5.0
_VICTIM_LINE = b"part\n"
_STANDS = (
    "See whether the belt stands, and keep clear of it: as you press Enter the drill gives the "
    "permit back, and it may start."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What the gate itself reported; `passed` None where it reports nothing.

    A belt that was not stopped counts as a part that was let through.
    """

    passed: bool | None = None
    text: str = ""


NOTHING = Report()


@dataclass(frozen=True, slots=True)
class Stage:
    """What all plays need."""

    config: Config
    path: Path  # of the configuration, for a host in a process of its own
    talk: Talk
    clock: Clock
    patience_s: float

    @property
    def flight_s(self) -> float:
        """Return how long a part is on its way, with some room."""
        return (self.config.timing.delay_ms + self.config.timing.guard_ms) / 1000 + 1.0


def play(step: Step, stage: Stage) -> Report:
    """Do the drill's part of one step. Raises GateError or DrillError."""
    return _PLAYS[step.play](step, stage)


def let_part_by(station: Station, stage: Stage, step: Step, what: str) -> int:
    """Wait for a part to meet the gate, by its own report or by hand; returns since when."""
    since_ns = stage.clock.now_ns()
    if reports(stage.config.gate):
        stage.talk.say(f"  {what} (waiting {stage.patience_s:.0f} s for it)")
        station.serve_until(lambda: station.seen.done_since(since_ns) > 0, stage.patience_s)
        return since_ns
    stage.talk.ready(step.fault, f"{what} It is at the camera when you press Enter:", station.serve)
    since_ns = stage.clock.now_ns()
    station.hand.part(since_ns)
    station.serve_until(lambda: station.seen.done_since(since_ns) > 0, stage.flight_s)
    return since_ns


def _killed(step: Step, stage: Stage) -> Report:
    command = [sys.executable, "-m", "agent.drill.victim", str(stage.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        try:
            if victim.stdout is None or victim.stdout.readline() != b"ready\n":
                raise DrillError("the stand-in for the agent cannot open the gate: see above")
            stage.talk.ready(step.fault, "Put a good part on the belt.", _nothing)
            if victim.stdin is not None and not reports(stage.config.gate):
                victim.stdin.write(_VICTIM_LINE)
                victim.stdin.flush()
                stage.clock.sleep(stage.config.timing.delay_ms / 1000)  # into its pulse
        finally:
            victim.kill()
    killed_ns = stage.clock.now_ns()
    stage.talk.ready(step.fault, "It is killed. Put another good part through.", _nothing)
    stage.clock.sleep(stage.flight_s)
    return _ask_afterwards(stage, killed_ns + HEARTBEAT_NS)


def _ask_afterwards(stage: Stage, since_ns: int) -> Report:
    """Open the gate again and hear what it did meanwhile: it keeps what nobody recorded."""
    if not reports(stage.config.gate) or stage.config.gate.driver == "sim":
        return NOTHING  # a simulated controller dies with its host
    station = Station(stage.config, stage.clock, passes=False)
    try:
        station.open()
        station.serve_until(lambda: False, 1.0)
    finally:
        station.close()
    return _report(station, since_ns)


def _lost(step: Step, stage: Stage) -> Report:
    station = Station(stage.config, stage.clock, passes=True)
    try:
        station.open()
        stage.talk.ready(step.fault, step.todo, station.serve)
        lost = station.serve_until(lambda: "gate_lost" in station.seen.notices, 5.0)
        since_ns = stage.clock.now_ns()
        station.stop_passing()  # what comes after the gate's return is no part of the proof
        stage.talk.ready(step.fault, "Put a good part through.", station.serve)
        stage.talk.ready(step.fault, step.undo, station.serve)
        if lost:
            seen = station.seen.notices
            station.serve_until(lambda: seen[-1:] == ["gate_back"], FOUND_AGAIN_S)
            station.serve_until(lambda: False, 1.0)
    finally:
        station.close()
    if not lost:
        return Report(None, "the gate never said that it was lost")
    report = _report(station, since_ns)
    back = "found again" if "gate_back" in station.seen.notices[1:] else "not found again"
    return Report(report.passed, f"lost and {back}; {report.text}".rstrip("; "))


def _serving(*, passes: bool, late: bool = False, most: int = 0) -> Callable[[Step, Stage], Report]:
    """Return a play that serves the gate in one way while a part goes through."""

    def serve(step: Step, stage: Stage) -> Report:
        config = stage.config
        if most:
            timing = config.timing.model_copy(update={"max_in_flight": most})
            config = config.model_copy(update={"timing": timing})
        station = Station(config, stage.clock, passes=passes, late=late)
        try:
            station.open()
            since_ns = let_part_by(station, stage, step, step.todo)
            if most:
                station.serve_until(lambda: "gate_queue" in station.seen.notices, stage.flight_s)
        finally:
            station.close()
        report = _report(station, since_ns)
        if most and "gate_queue" not in station.seen.notices:
            return Report(None, f"{report.text}; never more than {most} part in flight")
        # Before it was too much, a part may have passed by its own good right.
        return Report(False if most else report.passed, report.text)

    return serve


def _halted(step: Step, stage: Stage) -> Report:
    station = Station(stage.config, stage.clock, passes=False)
    seen = station.seen.notices
    try:
        station.open()
        if station.latched:
            return Report(None, "the line is latched, its belt stands: resume it and drill again")
        stage.talk.ready(step.fault, step.todo, station.serve)
        station.let_belt_run(may_run=False)
        stopped = station.serve_until(lambda: "belt_stopped" in seen, ANSWERED_S)
        stage.talk.ready(step.fault, _STANDS, station.serve)
        station.let_belt_run(may_run=True)
        released = station.serve_until(lambda: "belt_released" in seen, ANSWERED_S)
        stage.talk.ready(step.fault, step.undo, station.serve)
    finally:
        station.close()
    if not stopped:
        return Report(True, "the permit was not taken away")
    return Report(False, f"permit taken away and {'given' if released else 'NOT given'} back")


def _away(step: Step, stage: Stage) -> Report:
    del stage, step
    return NOTHING


def _report(station: Station, since_ns: int) -> Report:
    seen = station.seen
    done, passed = seen.done_since(since_ns), len(seen.passed_since(since_ns))
    if not done:
        return Report(None, "no part was reported")
    return Report(passed > 0, f"{done} parts reported, {passed} of them let through")


def _nothing() -> None:
    """Serve nobody: a process of its own does."""


_PLAYS: dict[Play, Callable[[Step, Stage], Report]] = {
    Play.KILLED: _killed,
    Play.LOST: _lost,
    Play.LATE: _serving(passes=True, late=True),
    Play.CROWDED: _serving(passes=True, most=1),
    Play.SILENT: _serving(passes=False),
    Play.HALTED: _halted,
    Play.AWAY: _away,
}
