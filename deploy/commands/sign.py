"""The sub-command sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sign(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The .lwb file to sign.")],
    *,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The secret key, NAME.key.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write here; else the bundle is replaced."),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Unlocks the key."),
    ] = None,
) -> None:  # fmt: skip
    """Add a signature to a whole bundle; signing with a second key keeps the first.

    Example: linewarden sign casting-0.2.0.lwb --key keys/office-1.key
    """
    from deploy.keys import is_open_to_others, read_passphrase, read_private
    from deploy.signing import sign_bundle

    private = read_private(key, read_passphrase(passphrase_file))
    if is_open_to_others(key):
        typer.echo(f"warning: others may read {key}: chmod 600 {key}", err=True)
    target = bundle if out is None else out
    signers = sign_bundle(bundle, target, private)
    typer.echo(f"{target} is signed by {', '.join(signers)}")
