"""`linewarden doctor`: say what is wrong on this device, and what to type next."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from agent.doctor.finding import Finding

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")
_STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "fault": "bold red"}


def doctor(
    *,
    config: Annotated[Path, typer.Option("--config", help="The agent's TOML file.")] = (
        DEFAULT_CONFIG
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at configuration, model, camera, gate, disk, broker, clock, service and rights.

    It changes nothing and may run while the line does. The exit code is 1 where there is a fault.

    Example: sudo linewarden doctor
    """
    from rich.console import Console

    from agent.clock import SystemClock
    from agent.doctor.examine import examine

    found = examine(config, SystemClock())
    faults = sum(each.level.value == "fault" for each in found)
    if as_json:
        typer.echo(json.dumps({"faults": faults, "findings": [asdict(each) for each in found]}))
    else:
        show(found, Console())
    if faults:
        raise typer.Exit(1)


def show(found: list[Finding], console: Console) -> None:
    """Print the findings as a table, and below it what to type, fault by fault."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for each in found:
        level = each.level.value
        table.add_row(Text(level, _STYLES[level]), Text(each.subject), Text(each.text))
    console.print(table)
    for each in sorted(found, key=lambda one: one.level.value):  # faults before warnings
        if each.next:
            console.print(Text(f"{each.subject}: {each.next}", "bold"), soft_wrap=True)
    if not any(each.next for each in found):
        console.print(Text("all is well", "green"))
