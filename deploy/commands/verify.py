"""The sub-command verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bundle.signature import Keyring
    from deploy.verify import Verified


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The .lwb file to check.")],
    *,
    trust: Annotated[
        Path, typer.Option("--trust", metavar="DIR", help="The trust folder of the device.")
    ] = Path("/etc/linewarden/trust"),
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="Trust this NAME.pub instead; may be repeated."),
    ] = None,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Check a bundle without a signature too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether a bundle is whole and signed by somebody trusted; exit code 1 when not.

    Example: linewarden verify casting-0.2.0.lwb --key keys/office-1.pub
    """
    from deploy.trust import read_trust
    from deploy.verify import keyring_of, verify_bundle

    ring = keyring_of(key) if key else read_trust(trust)
    for fault in ring.faults:
        typer.echo(f"warning: not trusted: {fault}", err=True)
    found = verify_bundle(bundle, ring, allow_unsigned=allow_unsigned)
    typer.echo(json.dumps(_json(found)) if as_json else _line(found, ring))


def _json(found: Verified) -> dict[str, object]:
    return {
        "title": found.title, "release": found.release, "entries": found.entries,
        "signers": list(found.signers),
    }  # fmt: skip


def _line(found: Verified, ring: Keyring) -> str:
    whole = f"{found.title}, release {found.release}: whole ({found.entries} entries)"
    if not found.signers:
        return f"{whole}, NOT SIGNED: nobody vouches for it"
    return f"{whole}, signed by {', '.join(ring.name(signer) for signer in found.signers)}"
