"""`linewarden setup`: from a fresh installation to a running line, in a terminal."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent.config.document import Config
    from agent.setup.answers import Answers
    from agent.setup.delay import Delay

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")
MEASURING = "Send the parts one at a time. Every part is rejected meanwhile."


def setup(
    *,
    config: Annotated[
        Path, typer.Option("--config", help="Write the configuration here.")
    ] = DEFAULT_CONFIG,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Ask nothing: a TOML file says it all.")
    ] = None,
    still: Annotated[
        Path, typer.Option("--still", help="Save a picture of the camera here.")
    ] = Path("camera.png"),
    look: Annotated[
        bool, typer.Option("--look/--no-look", help="Take a picture and print its figures.")
    ] = True,
) -> None:
    """Find camera and gate, take a still, measure the delay, write the configuration.

    Example: sudo linewarden setup
    """
    from agent.setup.writing import check, render, write

    _may_write(config)
    given = _answers(answers)
    provisional = check(render(given), config)  # before anybody walks to the belt
    if look:
        _look(render(given), still)
    delay = None if given.delay_ms is not None else _measured(provisional, given)
    before = write(render(given, delay), config)
    typer.echo(f"written: {config}" + (f" (the one before: {before})" if before else ""))
    _say_next(given, config)


def _answers(path: Path | None) -> Answers:
    from agent.errors import ConfigError
    from agent.setup.answers import read_answers

    if path is not None:
        return read_answers(path)
    if not sys.stdin.isatty():
        raise ConfigError("setup asks questions: run it in a terminal, or give --answers FILE")
    from pydantic import ValidationError
    from rich.console import Console

    from agent.config.faults import first_fault
    from agent.setup.devices import find_cameras, find_ports
    from agent.setup.questions import Asker, ask_all

    try:
        return ask_all(Asker(Console()), find_cameras(), find_ports(), socket.gethostname())
    except ValidationError as error:
        raise ConfigError(f"{first_fault(error, [])}; nothing was written") from error


def _may_write(path: Path) -> None:
    """Refuse before the questions, not after them. Raises ConfigError."""
    from agent.errors import ConfigError

    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: install linewarden first")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{path.parent} cannot be written; type: sudo linewarden setup")


def _look(text: str, still: Path) -> None:
    """Take a still; a camera that fails is told, and does not keep the rest from being set up."""
    from agent.commands.camera import show
    from agent.errors import AgentError

    with tempfile.TemporaryDirectory(prefix="linewarden-setup-") as folder:
        path = Path(folder) / "agent.toml"
        path.write_text(text, "utf-8")
        try:
            show(config=path, out=still)
        except AgentError as error:
            typer.echo(f"no picture: {error}", err=True)
        except typer.Exit:
            typer.echo("the picture could not be judged: see `linewarden camera show`", err=True)


def _measured(config: Config, given: Answers) -> Delay:
    from agent.clock import SystemClock
    from agent.setup.delay import estimate
    from agent.setup.measure import KeyMarks, gate_to_measure_with, measure

    clock = SystemClock()
    typer.echo(MEASURING)
    gate = gate_to_measure_with(config, clock)
    taken = measure(gate, KeyMarks(sys.stdin), given.parts, clock, typer.echo)
    delay = estimate(taken)
    typer.echo(
        f"delay {delay.delay_ms:g} ms, scatter {delay.spread_ms:g} ms, guard {delay.guard_ms:g} ms"
    )
    return delay


def _say_next(given: Answers, config: Path) -> None:
    steps = []
    if given.broker.password:
        steps.append("put the password into /etc/linewarden/credentials/mqtt-password (mode 0600)")
    if given.broker.tls:
        steps.append("put the broker's CA into /etc/linewarden/credentials/mqtt-ca")
    steps.append(f"linewarden check-config --config {config}")
    if not given.bundle:
        steps.append("sudo linewarden trust --add NAME.pub    (the engineer's key, once)")
        steps.append("sudo linewarden flash FILE.lwb   (until then every part is rejected)")
    steps.append("sudo systemctl restart linewarden && systemctl status linewarden")
    typer.echo("next:\n" + "\n".join(f"  {step}" for step in steps))
