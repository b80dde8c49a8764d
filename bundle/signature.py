"""Sign and verify the manifest's bytes with Ed25519; read keys and the folder of trusted ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bundle.errors import SignatureError

MAX_SIGNATURES = 8
MAX_KEY_FILE_BYTES = 64 * 1024
REVOKED = "revoked"
CHANGED = "last-change"  # a line of the trust folder: what was done last, by whom and when
KEY_ID = re.compile(r"[0-9a-f]{16}")

# One signature a line, sorted by key id: there is one way only to write a list of them.
_LINE = re.compile(rb"([0-9a-f]{16}) ([0-9a-f]{128})\n")
_LINE_BYTES = 16 + 1 + 128 + 1


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key and the name it goes by here: that of its file."""

    name: str
    public: Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Keyring:
    """Whom this device trusts. `faults` are files of the folder that could not be read as keys."""

    keys: Mapping[str, TrustedKey] = field(default_factory=dict)
    revoked: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()

    @property
    def trusted(self) -> frozenset[str]:
        """Return the ids of the keys whose signatures count."""
        return frozenset(self.keys) - self.revoked

    def name(self, key_id: str) -> str:
        """Return a key's name and id, as a technician reads it."""
        key = self.keys.get(key_id)
        return key_id if key is None else f"{key.name} ({key_id})"


def key_id(public: Ed25519PublicKey) -> str:
    """Return the short name of a key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def sign_manifest(manifest: bytes, private: Ed25519PrivateKey, present: bytes | None) -> bytes:
    """Return `manifest.sig` with this key's signature beside those that are `present`."""
    signatures = {} if present is None else parse_signatures(present)
    signatures[key_id(private.public_key())] = private.sign(manifest)
    if len(signatures) > MAX_SIGNATURES:
        raise SignatureError(f"a bundle carries at most {MAX_SIGNATURES} signatures")
    lines = (f"{name} {value.hex()}\n" for name, value in sorted(signatures.items()))
    return "".join(lines).encode("ascii")


def parse_signatures(data: bytes) -> dict[str, bytes]:
    """Read `manifest.sig`: the signature by each key id. Raises SignatureError."""
    lines = [data[at : at + _LINE_BYTES] for at in range(0, len(data), _LINE_BYTES)]
    if not 1 <= len(lines) <= MAX_SIGNATURES:
        raise SignatureError(f"manifest.sig has not 1 to {MAX_SIGNATURES} signatures: sign anew")
    found: list[tuple[str, bytes]] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise SignatureError("manifest.sig is damaged: get the bundle again, or sign it anew")
        found.append((match[1].decode("ascii"), bytes.fromhex(match[2].decode("ascii"))))
    names = [name for name, _ in found]
    if names != sorted(set(names)):
        raise SignatureError("manifest.sig lists its keys twice or out of order: sign anew")
    return dict(found)


def verify_manifest(
    manifest: bytes, signature: bytes | None, trust: Keyring, *, allow_unsigned: bool = False
) -> tuple[str, ...]:
    """Return the ids of the trusted keys that signed exactly these bytes.

    One good signature by a trusted key is enough, those by unknown or revoked keys don't count,
    and a wrong one by a trusted key refuses the bundle. `allow_unsigned` lets a bundle without
    any signature through, and nothing else. Raises SignatureError.
    """
    if signature is None:
        if allow_unsigned:
            return ()
        raise SignatureError("the bundle is not signed: ask for a signed one (`linewarden sign`)")
    signatures = parse_signatures(signature)
    signers = tuple(name for name in signatures if name in trust.trusted)
    for name in signers:
        _verify_one(manifest, signatures[name], trust, name)
    if not signers:
        raise SignatureError(_nobody(signatures, trust))
    return signers


def _verify_one(manifest: bytes, signature: bytes, trust: Keyring, name: str) -> None:
    try:
        trust.keys[name].public.verify(signature, manifest)
    except InvalidSignature as error:
        raise SignatureError(
            f"the signature by {trust.name(name)} is wrong: the bundle is damaged or forged; "
            "get it again from where it was made, don't use this one"
        ) from error


def _nobody(signatures: Mapping[str, bytes], trust: Keyring) -> str:
    revoked = [trust.name(name) for name in signatures if name in trust.revoked]
    if revoked:
        return (
            f"the bundle is signed by {', '.join(revoked)}, which was revoked: "
            "ask for one signed by a key that is still good"
        )
    return (
        f"the bundle is signed by {', '.join(signatures)}, which is not trusted here: "
        "is the id the engineer's? Then `linewarden trust --add NAME.pub`; else don't use the file"
    )


def load_public_key(pem: bytes) -> Ed25519PublicKey:
    """Read a public key from PEM. Raises SignatureError."""
    if b"PRIVATE KEY" in pem:
        raise SignatureError("is a private key: take it away from here; the .pub file belongs here")
    try:
        public = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError("is no public key in PEM form") from error
    if not isinstance(public, Ed25519PublicKey):
        raise SignatureError("is a public key of another kind than Ed25519")
    return public


def load_private_key(pem: bytes, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read a private key from PEM. Raises SignatureError."""
    try:
        private = serialization.load_pem_private_key(pem, passphrase)
    except TypeError as error:
        has, give = ("no passphrase", "leave it out") if passphrase else ("a passphrase", "give it")
        raise SignatureError(f"has {has}: {give}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError("is no private key in PEM form, or the passphrase is wrong") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SignatureError("is a private key of another kind than Ed25519")
    return private


def read_keyring(folder: Path) -> Keyring:
    """Read the public keys (`*.pub`, `*.pem`) and the list `revoked` of a trust folder.

    A file that is no key is not trusted and told in `faults`. A list that cannot be read refuses
    everything, as it might name any key. Raises SignatureError.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in {".pub", ".pem"})
        revoked = read_revoked(folder)
    except OSError as error:
        raise SignatureError(f"cannot read the trust folder {folder}: {error.strerror}") from error
    keys: dict[str, TrustedKey] = {}
    faults: list[str] = []
    for path in paths:
        try:
            public = load_public_key(_read_small(path))
        except (SignatureError, OSError) as error:
            faults.append(f"{path.name}: {error}")
            continue
        keys.setdefault(key_id(public), TrustedKey(path.stem, public))
    return Keyring(keys, revoked, tuple(faults))


def read_revoked(folder: Path) -> frozenset[str]:
    """Return the key ids in the list of revoked keys. Raises SignatureError or OSError."""
    path = folder / REVOKED
    if not path.exists():
        return frozenset()
    ids: set[str] = set()
    for number, line in enumerate(_read_small(path).decode("utf-8", "replace").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if text and not KEY_ID.fullmatch(text):
            raise SignatureError(f"{path}, line {number}: {text!r} is no key id: mend the list")
        ids |= {text} if text else set()
    return frozenset(ids)


def read_change(folder: Path) -> str:
    """Return what was done to the trust folder last, and by whom; empty where nobody knows."""
    try:
        text = _read_small(folder / CHANGED).decode("utf-8", "replace")
    except (OSError, SignatureError):
        return ""
    return "".join(each for each in text.strip() if each.isprintable())


def _read_small(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_KEY_FILE_BYTES + 1)
    if len(data) > MAX_KEY_FILE_BYTES:
        raise SignatureError(f"{path} is far too large: is it the right file?")
    return data
