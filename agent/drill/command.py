"""`linewarden gate`: fire the gate once; prove with a technician that it fails safe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")

ConfigOption = Annotated[Path, typer.Option("--config", help="The agent's TOML file.")]
ByOption = Annotated[str, typer.Option("--by", help="Your name, as it shall stand in the record.")]
PatienceOption = Annotated[
    float, typer.Option("--patience", min=1, max=600, help="Seconds to wait for a part.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

gate = typer.Typer(
    help="Fire the gate once, or prove its fail-safe wiring; the agent must not run meanwhile.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@gate.command("test")
def fire_gate(
    *,
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="The reason.")] = "a test of the gate",
    config: ConfigOption = DEFAULT_CONFIG,
    patience: PatienceOption = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let one part through, uninspected, and say what the gate reports of it.

    A gate with a photo-eye waits for the next part; a relay is fired at once.

    Example: linewarden gate test --by Anna
    """
    from agent.clock import SystemClock
    from agent.config.document import read_config
    from agent.drill.walk import fire_once
    from agent.records import OutcomeCode

    name = _name(by)
    checked = read_config(config)
    if not yes:
        typer.confirm("The gate lets one part through that nobody inspects. Go on?", abort=True)
    code = fire_once(checked, name, why, SystemClock(), patience)
    typer.echo(
        json.dumps({"outcome": code.value}) if as_json else f"the gate reports: {code.value}"
    )
    if code is not OutcomeCode.PASSED:
        raise typer.Exit(1)


@gate.command("drill")
def drill_gate(
    *,
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="JSON with the answers; for rehearsals.")
    ] = None,
    patience: PatienceOption = 60.0,
    anew: Annotated[bool, typer.Option("--anew", help="Forget a drill that is under way.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Pull every plug of the fail-safe matrix and write down, signed, what the gate did.

    What was answered is kept: started again, the drill goes on where it was. The exit code is 1
    when the wiring does not hold, or a step was left out.

    Example: linewarden gate drill --by Anna
    """
    from agent.clock import SystemClock
    from agent.config.document import read_config
    from agent.drill.plays import Stage
    from agent.drill.record import record_text
    from agent.drill.talk import Answers, Terminal
    from agent.drill.walk import drill

    name = _name(by)
    talk = Terminal() if answers is None else Answers(answers)
    stage = Stage(read_config(config), config.resolve(), talk, SystemClock(), patience)
    path, record = drill(stage, name, anew=anew)
    answer = {"record": str(path), "holds": record.holds}
    typer.echo(json.dumps(answer) if as_json else record_text(record))
    if not record.holds:
        raise typer.Exit(1)


def _name(by: str) -> str:
    """Return a name that can stand in a record. Raises DrillError."""
    from agent.errors import DrillError

    name = by.strip()
    if not name or len(name) > 80 or not name.isprintable():
        raise DrillError("--by: give a name of at most 80 letters")
    return name
