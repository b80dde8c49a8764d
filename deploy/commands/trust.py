"""The sub-command trust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.options import ByOption


def trust(
    *,
    folder: Annotated[
        Path, typer.Option("--trust", metavar="DIR", help="The trust folder of the device.")
    ] = Path("/etc/linewarden/trust"),
    add: Annotated[
        Path | None, typer.Option("--add", metavar="FILE", help="Trust this NAME.pub.")
    ] = None,
    revoke: Annotated[
        str | None, typer.Option("--revoke", metavar="KEY_ID", help="Never trust this key again.")
    ] = None,
    remove: Annotated[
        str | None, typer.Option("--remove", metavar="KEY_ID", help="Take an old key away.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it was revoked.")] = "",
    by: ByOption = None,
) -> None:
    """List whose bundles this device takes; add, revoke or remove a key.

    Example: linewarden trust --add office-2.pub
    """
    from deploy.clock import SystemClock
    from deploy.trust import add_key, read_trust, remove_key, revoke_key
    from deploy.who import who

    person = who(SystemClock(), by)
    if add is not None:
        add_key(folder, add, person)
    if revoke is not None:
        revoke_key(folder, revoke, reason, person)
    if remove is not None:
        remove_key(folder, remove, person)
    ring = read_trust(folder)
    for key_id in sorted(ring.keys, key=lambda one: ring.keys[one].name):
        word = "revoked" if key_id in ring.revoked else "trusted"
        typer.echo(f"{word}  {key_id}  {ring.keys[key_id].name}")
    for key_id in sorted(ring.revoked - set(ring.keys)):
        typer.echo(f"revoked  {key_id}")
    for fault in ring.faults:
        typer.echo(f"warning: not trusted: {fault}", err=True)
    if not ring.trusted:
        typer.echo("no key is trusted: `linewarden trust --add NAME.pub`")
