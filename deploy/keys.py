"""Make, read and keep the keys that sign bundles."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bundle.errors import SignatureError
from bundle.signature import key_id, load_private_key, load_public_key
from deploy.errors import KeyFileError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where a new pair of keys lies, and its id."""

    key_id: str
    private: Path
    public: Path


def make_keys(name: str, folder: Path, passphrase: bytes | None = None) -> KeyPair:
    """Make `NAME.key` (secret) and `NAME.pub` in a folder; nothing is ever overwritten.

    Raises KeyFileError.
    """
    if not _NAME.fullmatch(name):
        raise KeyFileError(f"{name!r} is no name for a key: use a-z, 0-9, '.', '_' and '-'")
    private = Ed25519PrivateKey.generate()
    pair = KeyPair(key_id(private.public_key()), folder / f"{name}.key", folder / f"{name}.pub")
    locked = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
    )
    if pair.public.exists():
        raise KeyFileError(f"{pair.public} is there already: choose another name")
    _write_new(pair.private, secret, 0o600)
    _write_new(pair.public, public_pem(private.public_key()), 0o644)
    return pair


def public_pem(public: Ed25519PublicKey) -> bytes:
    """Return a public key as PEM."""
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def read_private(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read a private key. Raises KeyFileError."""
    try:
        return load_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise KeyFileError(f"cannot read the key {path}: {error.strerror}") from error
    except SignatureError as error:
        raise KeyFileError(f"{path} {error}") from error


def read_public(path: Path) -> Ed25519PublicKey:
    """Read a public key. Raises KeyFileError."""
    try:
        return load_public_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"cannot read the key {path}: {error.strerror}") from error
    except SignatureError as error:
        raise KeyFileError(f"{path} {error}") from error


def read_passphrase(path: Path | None) -> bytes | None:
    """Return the first line of a passphrase file; None without a file. Raises KeyFileError."""
    if path is None:
        return None
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise KeyFileError(f"cannot read the passphrase {path}: {error.strerror}") from error
    if not lines or not lines[0]:
        raise KeyFileError(f"{path} has no passphrase in its first line")
    return lines[0]


def is_open_to_others(path: Path) -> bool:
    """Tell whether anybody but its owner may read a file. Raises OSError."""
    return bool(path.stat().st_mode & 0o077)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that was not there; a key half written is taken away again."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise KeyFileError(f"{path} is there already: choose another name") from error
    except OSError as error:
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from error
