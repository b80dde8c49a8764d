"""The drill's record: kept step by step, signed off by name, with its hash in the audit chain."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.audit.chain import AuditChain, who_runs
from agent.audit.rows import AuditHead, Deed
from agent.clock import Clock
from agent.config.document import Config
from agent.config.gate import SimGate
from agent.drill.steps import STEPS, Fault, Step, known_open, steps_for
from agent.errors import DrillError
from agent.ledger.disk import replace_durably
from agent.wall_time import iso_time

OPEN_NAME = "open.json"
MAX_BYTES = 262_144

Verdict = Literal["holds", "open as documented", "FAILED", "skipped"]


class Result(BaseModel):
    """What became of one step."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fault: Fault
    diverted: bool | None = Field(
        description="The technician's answer; null: left out. Of belt_stop: whether it stood."
    )
    reported: str = Field(description="What the gate itself reported; empty where it cannot.")
    contradicted: bool = Field(description="Whether the gate reported something else.")
    verdict: Verdict
    at: str


class Record(BaseModel):
    """A drill, whole or under way."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: Literal[1] = 1
    device: str
    by: str
    account: str
    begun: str
    ended: str = ""
    driver: str
    wiring: str
    port: str
    delay_ms: float
    guard_ms: float
    version: str
    faults: tuple[Fault, ...] = Field(description="The steps that this gate is drilled in.")
    results: tuple[Result, ...] = ()
    signed: str = ""

    @property
    def holds(self) -> bool:
        """Whether the gate did in every step what it should, and none was left out."""
        return not self.left and all(
            result.verdict in ("holds", "open as documented") for result in self.results
        )

    @property
    def left(self) -> frozenset[Fault]:
        """Return the faults that have no result yet."""
        return frozenset(self.faults) - {result.fault for result in self.results}

    def fits(self, other: Record) -> bool:
        """Whether the other is a drill of the same gate by the same person."""
        names = ("device", "by", "driver", "wiring", "port", "delay_ms", "guard_ms", "faults")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def with_result(self, result: Result) -> Record:
        """Return the record with one step more."""
        return self.model_copy(update={"results": (*self.results, result)})


def begin_record(config: Config, by: str, version: str, clock: Clock) -> Record:
    """Return an empty record for the configured gate."""
    gate = config.gate
    sim = isinstance(gate, SimGate)
    return Record(
        device=config.station.device,
        by=by,
        account=who_runs(),
        begun=iso_time(clock.wall_ns()),
        driver=gate.driver,
        wiring="energise_to_pass" if isinstance(gate, SimGate) else gate.wiring,
        port="" if sim else getattr(gate, "port", ""),
        delay_ms=config.timing.delay_ms,
        guard_ms=config.timing.guard_ms,
        version=version,
        faults=tuple(step.fault for step in steps_for(gate)),
    )


def judge(
    step: Step,
    config: Config,
    *,
    diverted: bool | None,
    reported: str,
    passed: bool | None,
    at: str,
) -> Result:
    """Return a step's result. `passed` is what the gate reports; None where it reports nothing."""
    may_open = step.fault in known_open(config.gate)
    contradicted = passed is not None and diverted is not None and passed is diverted
    verdict: Verdict
    if diverted is None:
        verdict = "skipped"
    elif contradicted:
        verdict = "FAILED"
    elif diverted:
        verdict = "holds"
    else:
        verdict = "open as documented" if may_open else "FAILED"
    return Result(
        fault=step.fault,
        diverted=diverted,
        reported=reported,
        contradicted=contradicted,
        verdict=verdict,
        at=at,
    )


def read_open(folder: Path) -> Record | None:
    """Return the drill that is under way; None for none. Raises DrillError for a damaged one."""
    path = folder / OPEN_NAME
    try:
        with path.open("rb") as file:
            return Record.model_validate_json(file.read(MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DrillError(f"{path} cannot be read: begin --anew") from error


def keep_open(folder: Path, record: Record) -> None:
    """Keep a drill under way: it may be this computer whose plug is pulled. Raises DrillError."""
    _write(folder, OPEN_NAME, record.model_dump_json(indent=1).encode("utf-8") + b"\n")


def drop_open(folder: Path) -> None:
    """Forget the drill under way."""
    (folder / OPEN_NAME).unlink(missing_ok=True)


def sign_off(
    folder: Path, record: Record, chain: AuditChain, clock: Clock
) -> tuple[Path, AuditHead]:
    """Write the record as JSON and as text, and its hash into the audit chain.

    Raises DrillError or LedgerError: then it is not signed off.
    """
    wall_ns = clock.wall_ns()
    signed = record.model_copy(update={"ended": iso_time(wall_ns), "signed": record.by})
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall_ns // 1_000_000_000))
    content = signed.model_dump_json(indent=1).encode("utf-8") + b"\n"
    digest = hashlib.sha256(content).hexdigest()
    name = f"drill-{stamp}.json"
    _write(folder, name, content)
    text = record_text(signed) + f"\nSHA-256 of {name}:\n{digest}\n"
    _write(folder, f"drill-{stamp}.txt", text.encode("utf-8"))
    word = "holds" if signed.holds else "does NOT hold"
    head = chain.append(
        Deed.DRILLED,
        f"{record.by} ({record.account})",
        f"the gate was drilled: its fail-safe wiring {word}",
        detail={"file": name, "sha256": digest},
    )
    drop_open(folder)
    return folder / name, head


def record_text(record: Record) -> str:
    """Return the record for people."""
    lines = [
        f"Gate drill on {record.device}",
        f"by {record.by} ({record.account}), {record.begun} to {record.ended}",
        f"gate {record.driver} {record.port}, {record.wiring}; "
        f"delay {record.delay_ms:g} ms, guard {record.guard_ms:g} ms; linewarden {record.version}",
        "",
        *_result_lines(record.results),
        "",
        "The fail-safe wiring " + ("holds." if record.holds else "does NOT hold."),
        f"Signed: {record.signed}",
    ]
    return "\n".join(lines) + "\n"


def _result_lines(results: Sequence[Result]) -> list[str]:
    steps = {step.fault: step for step in STEPS}
    return [
        f"{result.fault.value:16} {_said(steps[result.fault], result):12} "
        f"{result.verdict:20} {result.reported}"
        for result in results
    ]


def _said(step: Step, result: Result) -> str:
    if result.diverted is None:
        return "not tried"
    return step.done if result.diverted else step.failed


def _write(folder: Path, name: str, content: bytes) -> None:
    try:
        folder.mkdir(exist_ok=True)
        give_to_owner(folder.parent, folder)
        replace_durably(folder / name, content)
        give_to_owner(folder.parent, folder / name)
    except OSError as error:
        raise DrillError(f"cannot write {folder / name}: {error.strerror}") from error


def give_to_owner(folder: Path, path: Path) -> None:
    """Give a file that root has made to whoever owns the folder: the agent is not root."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
