"""The agent's sub-commands: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path, typer.Option("--config", help="The agent's TOML file.", show_default=True)
]
DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the agent until SIGTERM or Ctrl-C: what systemd starts on the device.

    Example: linewarden run --config /etc/linewarden/agent.toml
    """
    from agent.process import run_agent

    if not run_agent(config):
        raise typer.Exit(1)


def check_config(
    config: ConfigOption = DEFAULT_CONFIG,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every option with its sentence, then stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checked values.")] = False,
) -> None:
    """Say what is wrong with a configuration, before the line starts.

    Example: linewarden check-config --config /etc/linewarden/agent.toml
    """
    from agent.clock import SystemClock
    from agent.config.document import options, read_config
    from agent.errors import ConfigError
    from agent.precheck.check import check

    if explain:
        for key, kind, default, sentence in options():
            print(f"{key}  ({kind}, default {default})\n    {sentence}")
        return
    try:
        checked = read_config(config)
    except ConfigError as error:
        for fault in (str(error), *error.others):
            typer.echo(f"linewarden: {fault}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        print(checked.model_dump_json(indent=1))
        return
    said = check(checked, SystemClock())
    for note in said.notes:
        print(f"note: {note}")
    for fault in said.faults:
        typer.echo(f"linewarden: {fault}", err=True)
    if said.faults:
        raise typer.Exit(1)
    print(f"{config}: fine")


def demo(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of real pictures to replay.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Model; else the one from examples/.")
    ] = None,
    parts: Annotated[int, typer.Option("--parts", min=1, help="Stop after so many parts.")] = 300,
    rate: Annotated[
        float, typer.Option("--rate", min=0.1, max=200, help="Parts per second.")
    ] = 10.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of belt and parts.")] = 1,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines also in a terminal.")] = False,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep ledger, pictures and records here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Save the screen as SVG here.")
    ] = None,
) -> None:
    """Run a simulated line: belt, camera, real model, gate on a pty, MQTT broker.

    Example: linewarden demo --data ../shared/data/casting/test --parts 200
    """
    from agent.demo.run import DemoOptions, run_demo

    options = DemoOptions(data, bundle, parts, rate, seed, plain, keep, as_json, picture)
    if not run_demo(options):
        raise typer.Exit(1)
