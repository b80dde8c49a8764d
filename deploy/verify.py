"""Say whether a bundle may be trusted, by a trust folder or by given keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundle.archive import open_archive
from bundle.errors import BundleError
from bundle.signature import Keyring, TrustedKey, key_id
from deploy.errors import TrustError
from deploy.keys import read_public


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle that may be trusted, and why. `signers` is empty where unsigned is allowed."""

    title: str
    release: int
    entries: int
    signers: tuple[str, ...]


def keyring_of(paths: Sequence[Path]) -> Keyring:
    """Return a ring of the public keys in these files. Raises KeyFileError."""
    keys = [TrustedKey(path.stem, read_public(path)) for path in paths]
    return Keyring({key_id(key.public): key for key in keys})


def verify_bundle(path: Path, trust: Keyring, *, allow_unsigned: bool = False) -> Verified:
    """Check signature, hashes and manifest of a bundle. Raises TrustError with the reason."""
    try:
        archive = open_archive(path, trust, allow_unsigned=allow_unsigned)
    except BundleError as error:
        raise TrustError(str(error)) from error
    manifest = archive.manifest
    return Verified(archive.title, manifest.release, len(archive.contents), archive.signers)
