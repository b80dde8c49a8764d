"""Put a signature into a bundle file."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archive import parse_archive, read_bundle, replace_durably, sign_archive
from bundle.errors import BundleError
from bundle.signature import parse_signatures
from deploy.errors import KeyFileError, TrustError


def sign_bundle(path: Path, out: Path, private: Ed25519PrivateKey) -> tuple[str, ...]:
    """Sign a whole bundle, write it durably and return the ids of all its keys.

    Raises TrustError for a bundle that is damaged, KeyFileError where it cannot be written.
    """
    try:
        data = sign_archive(read_bundle(path), private)
        signature = parse_archive(data).signature
    except BundleError as error:
        raise TrustError(f"{path} is not signed: {error}") from error
    try:
        replace_durably(out, data)
    except OSError as error:
        raise KeyFileError(f"cannot write {out}: {error.strerror}") from error
    return tuple(parse_signatures(signature or b""))
