"""The sub-command keygen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def keygen(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key, for example office-1.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write it.")] = Path(),
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Lock the key with its first line."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a pair of keys: NAME.key signs bundles and stays secret, NAME.pub goes to the devices.

    Example: linewarden keygen office-1 --out keys
    """
    from deploy.keys import make_keys, read_passphrase

    pair = make_keys(name, out, read_passphrase(passphrase_file))
    if as_json:
        answer = {"key_id": pair.key_id, "private": str(pair.private), "public": str(pair.public)}
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"key id {pair.key_id}")
    typer.echo(f"secret {pair.private}: keep it off every device, with a copy in a safe")
    typer.echo(f"public {pair.public}: on each device, `linewarden trust --add {pair.public.name}`")
