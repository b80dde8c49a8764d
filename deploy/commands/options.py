"""What the commands around the slots share: their options, and how they answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bundle.signature import Keyring
    from deploy.line_config import LineConfig

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The line's configuration.",
        show_default="/etc/linewarden/agent.toml",
    ),
]
SlotsOption = Annotated[
    Path | None, typer.Option("--slots", metavar="DIR", help="The slots; else the configuration's.")
]
TrustOption = Annotated[
    Path | None,
    typer.Option("--trust", metavar="DIR", help="The trust folder; else the configuration's."),
]
ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it, for the audit; your login is kept."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def read_means(
    config: Path | None, slots: Path | None, trust: Path | None
) -> tuple[LineConfig, Keyring]:
    """Return the line with the folders that were asked for, and whom it trusts.

    Raises DeployError.
    """
    from deploy.line_config import read_line
    from deploy.trust import read_trust

    line = read_line(config)
    if slots is not None:
        line = replace(line, slots=slots, fixed=None)
    if trust is not None:
        line = replace(line, trust=trust)
    return line, read_trust(line.trust)


@contextmanager
def refusals_as_json(*, wanted: bool) -> Iterator[None]:
    """Print a refusal as JSON where that is wanted, with exit code 1."""
    from bundle.errors import BundleError
    from deploy.errors import DeployError

    try:
        yield
    except (BundleError, DeployError) as error:
        if not wanted:
            raise
        refusal = {"done": False, "fault": type(error).__name__, "refused": str(error)}
        typer.echo(json.dumps(refusal))
        raise typer.Exit(1) from error


def answer(found: dict[str, object], say: Callable[[], None], *, as_json: bool) -> None:
    """Print what was found, as JSON or in words."""
    if as_json:
        typer.echo(json.dumps(found))
    else:
        say()
