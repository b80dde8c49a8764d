"""The command `linewarden`: mounts the sub-commands, each imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from agent.errors import AgentError
from bundle.errors import BundleError
from deploy.errors import DeployError
from export.errors import ExportError
from training.errors import TrainingError

# name -> (where its function is, what `linewarden --help` says of it)
COMMANDS = {
    "demo": ("agent.cli:demo", "A simulated line in this terminal: belt, model, gate, broker."),
    "audit": (
        "training.commands.audit:audit",
        "Find leaks, copies and odd pictures; write a split.",
    ),
    "train": ("training.commands.train:train", "Train a network on a folder of pictures."),
    "evaluate": ("training.commands.evaluate:evaluate", "Say how good a run or a bundle is."),
    "compare": ("training.commands.compare:compare", "Set runs beside one another and the paper."),
    "export": ("export.cli:export", "Turn a run into an int8 bundle for the device."),
    "bench": ("agent.bench.command:bench", "Measure a bundle's latency and size on this machine."),
    "setup": ("agent.setup.command:setup", "Set this device up: camera, gate, delay, broker."),
    "run": ("agent.cli:run", "Run the agent: what systemd starts on the device."),
    "camera": ("agent.commands.camera:camera", "See what the camera sees; focus it."),
    "doctor": ("agent.doctor.command:doctor", "Say what is wrong here and what to type next."),
    "check-config": ("agent.cli:check_config", "Say what is wrong with a configuration."),
    "line": ("agent.commands.line:line", "Pause, bypass or resume the running line; show it."),
    "gate": ("agent.drill.command:gate", "Fire the gate once; prove its fail-safe wiring."),
    "ledger": ("agent.commands.ledger:ledger", "Export, balance and audit the ledger."),
    "flash": ("deploy.commands.flash:flash", "Bring a new model to the line while it runs."),
    "status": ("deploy.commands.status:status", "Say which models are here and which one judges."),
    "confirm": ("deploy.commands.confirm:confirm", "End the probation of a new model well."),
    "rollback": ("deploy.commands.rollback:rollback", "Go back to the model before."),
    "keygen": ("deploy.commands.keygen:keygen", "Make a pair of keys to sign bundles with."),
    "sign": ("deploy.commands.sign:sign", "Sign a bundle."),
    "verify": ("deploy.commands.verify:verify", "Say whether a bundle is whole and trusted."),
    "trust": ("deploy.commands.trust:trust", "List, add, revoke or remove trusted keys."),
    "render": ("agent.sim.cli:render", "Draw castings: pictures to train the demo's model on."),
}

OUR_ERRORS = (AgentError, BundleError, DeployError, ExportError, TrainingError)


class LazyGroup(TyperGroup):
    """Lists the commands from the table above and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the table's order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return a stand-in which knows its help sentence."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the real command in the place of its stand-in."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _load_command(str(name)), rest


def main() -> None:
    """Run the command line; the exit code is 0 done, 1 failed, 2 used wrongly."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        _root_command()(args=arguments, prog_name="linewarden")
    except OUR_ERRORS as error:
        if debug:
            raise
        typer.echo(f"linewarden: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("linewarden: stopped by Ctrl-C", err=True)
        sys.exit(1)


def _root_command() -> Any:
    app = typer.Typer(
        cls=LazyGroup, pretty_exceptions_enable=False, add_completion=False, no_args_is_help=True
    )

    @app.callback(epilog="Every command has --help with an example, and --debug for a traceback.")
    def linewarden() -> None:
        """Judge every part that passes a camera, gate it in time, tell the plant."""

    return get_command(app)


def _load_command(name: str) -> Any:
    module, function = COMMANDS[name][0].split(":")
    target = getattr(importlib.import_module(module), function)
    if isinstance(target, typer.Typer):  # a command with commands of its own
        return get_command(target)
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command(name)(target)
    return get_command(app)


if __name__ == "__main__":
    main()
