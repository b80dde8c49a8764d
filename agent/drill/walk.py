"""Walks a technician through the fail-safe matrix, and fires the gate once for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from agent.audit.chain import AuditChain, who_runs
from agent.audit.rows import Deed
from agent.clock import Clock
from agent.config.document import Config
from agent.drill.plays import NOTHING, Report, Stage, play
from agent.drill.record import (
    Record,
    begin_record,
    drop_open,
    give_to_owner,
    judge,
    keep_open,
    read_open,
    sign_off,
)
from agent.drill.station import Station
from agent.drill.steps import Play, Step, known_open, steps_for
from agent.errors import DrillError, GateError, LedgerError
from agent.ledger.disk import LOCK_NAME, FolderLock
from agent.records import OutcomeCode
from agent.wall_time import iso_time

FOLDER_NAME = "drills"


@contextmanager
def line_at_rest(folder: Path) -> Iterator[None]:
    """Keep the agent from running meanwhile. Raises LedgerError while it runs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"cannot make the ledger's folder {folder}: {error.strerror}") from error
    lock = FolderLock(folder)
    try:
        give_to_owner(folder, folder / LOCK_NAME)
        yield
    finally:
        lock.release()


def drill(stage: Stage, by: str, *, anew: bool = False) -> tuple[Path, Record]:
    """Go through all steps that have no result yet, and let the record be signed.

    Raises DrillError, GateError or LedgerError; what was answered so far is kept.
    """
    ledger = Path(stage.config.ledger.folder)
    folder, chain = ledger / FOLDER_NAME, AuditChain(ledger, stage.clock)
    with line_at_rest(ledger):
        record = _begin(stage, folder, by, anew=anew)
        text = "a gate drill begins: the gate lets test parts through that nobody inspects"
        chain.append(Deed.FIRED, f"{by} ({record.account})", text)
        for step in steps_for(stage.config.gate):
            if step.fault in record.left:
                record = _take(step, stage, record, folder)
        name = stage.talk.signature(f"Sign with your name, {by}: ")
        if name != by:
            raise DrillError(f"not signed: the name given was not {by}; start again to sign")
        path, head = sign_off(folder, record, chain, stage.clock)
        stage.talk.say(f"{path}: signed by {by}; audit row {head.text}")
    return path, record


def fire_once(config: Config, by: str, why: str, clock: Clock, patience_s: float) -> OutcomeCode:
    """Let the next part through the gate, for a test; returns what the gate says of it.

    It stands in the audit chain before. Raises GateError or LedgerError; DrillError without a
    part.
    """
    ledger = Path(config.ledger.folder)
    with line_at_rest(ledger):
        text = f"the gate is fired once for a test: {why}"
        AuditChain(ledger, clock).append(Deed.FIRED, f"{by} ({who_runs()})", text)
        station = Station(config, clock, passes=True, most=1)
        try:
            station.open()
            return _fire(station, clock, patience_s)
        finally:
            station.close()


def _fire(station: Station, clock: Clock, patience_s: float) -> OutcomeCode:
    since_ns = clock.now_ns()
    station.hand.part(since_ns)  # a gate with an eye of its own does not ask this one
    station.serve_until(lambda: bool(station.taken), patience_s)
    if not station.taken:
        raise DrillError(f"no part came to the photo-eye for {patience_s:.0f} s: nothing was fired")
    key = station.taken[0]
    if not station.serve_until(lambda: key in station.seen.outcomes, patience_s):
        return OutcomeCode.UNKNOWN
    return station.seen.outcomes[key]


def _begin(stage: Stage, folder: Path, by: str, *, anew: bool) -> Record:
    fresh = begin_record(stage.config, by, version("linewarden"), stage.clock)
    before = None if anew else read_open(folder)
    if before is None:
        drop_open(folder)
        keep_open(folder, fresh)
        return fresh
    if not before.fits(fresh):
        raise DrillError(
            f"a drill by {before.by} at {before.begun} is under way, of another gate or person: "
            "finish that, or begin --anew"
        )
    stage.talk.say(f"Going on with the drill of {before.begun}: {len(before.left)} steps are left.")
    return before


def _take(step: Step, stage: Stage, record: Record, folder: Path) -> Record:
    """Do one step and keep its result at once."""
    talk, number = stage.talk, len(record.results) + 1
    talk.say(f"\n{number}/{len(record.faults)} {step.fault.value.replace('_', ' ')}")
    if step.play in {Play.KILLED, Play.AWAY}:
        talk.say(f"  {step.todo}")
    if step.fault in known_open(stage.config.gate):
        talk.say("  This wiring is known to let parts through here.")
    report, failed = _play(step, stage)
    talk.say(f"  The gate reports: {report.text or 'nothing of its own'}.")
    diverted = None
    if not failed:
        diverted = talk.diverted(step.fault, step.question, _nothing)
    at = iso_time(stage.clock.wall_ns())
    result = judge(
        step, stage.config, diverted=diverted, reported=report.text, passed=report.passed, at=at
    )
    talk.say(f"  {result.verdict}")
    record = record.with_result(result)
    keep_open(folder, record)
    return record


def _play(step: Step, stage: Stage) -> tuple[Report, bool]:
    """Do the drill's part; a gate that cannot be opened leaves the step out, and says why."""
    try:
        return (NOTHING if step.play is Play.AWAY else play(step, stage)), False
    except GateError as error:
        return Report(None, str(error)), True


def _nothing() -> None:
    """Serve nobody while the technician thinks: the gate is shut."""
