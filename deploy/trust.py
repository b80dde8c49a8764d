"""The trust folder of a device: add a key, revoke a key, take a key away."""

from __future__ import annotations

from pathlib import Path

from bundle.archive import replace_durably
from bundle.errors import BundleError
from bundle.signature import CHANGED, KEY_ID, REVOKED, Keyring, key_id, read_keyring, read_revoked
from deploy.errors import TrustError
from deploy.keys import public_pem, read_public

DEFAULT_TRUST = Path("/etc/linewarden/trust")
MAX_REASON = 200


def read_trust(folder: Path) -> Keyring:
    """Read whom this device trusts. Raises TrustError."""
    try:
        return read_keyring(folder)
    except BundleError as error:
        raise TrustError(str(error)) from error


def add_key(folder: Path, path: Path, by: str = "") -> str:
    """Trust a public key from now on; returns its id. Raises TrustError or KeyFileError.

    Of every change here a line is kept that the running agent puts into its account; `by` says
    who and when.
    """
    public = read_public(path)
    added, trust = key_id(public), read_trust(folder)
    if added in trust.revoked:
        raise TrustError(f"the key {added} was revoked here: ask for a new one")
    if added in trust.keys:
        raise TrustError(f"the key {trust.name(added)} is trusted already")
    target = folder / f"{path.stem}.pub"
    if target.exists():
        raise TrustError(f"{target} is there already, with another key: rename {path.name}")
    _write(target, public_pem(public))
    _keep(folder, f"{path.stem} ({added}) added", by)
    return added


def revoke_key(folder: Path, revoked: str, reason: str = "", by: str = "") -> None:
    """Never trust a key again, known here or not. Raises TrustError."""
    if not KEY_ID.fullmatch(revoked):
        raise TrustError(f"{revoked!r} is no key id: it has 16 digits of 0-9 and a-f")
    try:
        if revoked in read_revoked(folder):
            return
        path = folder / REVOKED
        before = path.read_text("utf-8") if path.exists() else ""
    except BundleError as error:
        raise TrustError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TrustError(f"cannot read the list of revoked keys in {folder}: {error}") from error
    if before and not before.endswith("\n"):
        before += "\n"
    why = " ".join(reason.split())[:MAX_REASON]
    note = f"  # {why}" if why else ""
    _write(path, f"{before}{revoked}{note}\n".encode())
    _keep(folder, f"{revoked} revoked" + (f" ({why})" if why else ""), by)


def remove_key(folder: Path, removed: str, by: str = "") -> None:
    """Take a key out of the folder, as the last step of a rotation. Raises TrustError."""
    trust = read_trust(folder)
    if removed not in trust.keys:
        raise TrustError(f"no key {removed} is in {folder}: `linewarden trust` lists them")
    if not trust.trusted - {removed}:
        raise TrustError("this is the last trusted key: add the new one first")
    for path in sorted(folder.glob(f"{trust.keys[removed].name}.p*")):
        if path.suffix in {".pub", ".pem"} and key_id(read_public(path)) == removed:
            _unlink(path)
    _keep(folder, f"{trust.name(removed)} removed", by)


def _keep(folder: Path, what: str, by: str) -> None:
    """Keep what was done last, and by whom."""
    _write(folder / CHANGED, f"{what}; by {by or 'somebody'}\n".encode())


def _unlink(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise TrustError(f"cannot take {path} away: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        replace_durably(path, content)
    except OSError as error:
        raise TrustError(f"cannot write {path}: {error.strerror}") from error
