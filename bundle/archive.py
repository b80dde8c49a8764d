"""Write, open and check `.lwb` bundles; hostile input is refused here."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.container import MAX_ARCHIVE_BYTES, read_container, write_container
from bundle.errors import ArchiveError, BundleError
from bundle.manifest import Entry, Manifest, manifest_bytes, parse_manifest
from bundle.needs import lowest_agent
from bundle.signature import Keyring, parse_signatures, sign_manifest, verify_manifest

MANIFEST, SIGNATURE, MODEL = "manifest.json", "manifest.sig", "model.tflite"

_NAMES = {MANIFEST, SIGNATURE, MODEL, "card.json", "card.html", "golden/expected.json"}
_GOLDEN_FRAME = re.compile(r"golden/frame-(0[0-9]|1[0-5])\.png")


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened bundle, all hashes checked.

    `signature` is what the bundle says of itself; `signers` are the trusted keys that were found
    to have signed it, none where the caller named nobody to trust.
    """

    manifest: Manifest
    contents: Mapping[str, bytes]
    signature: bytes | None
    size: int
    signers: tuple[str, ...] = ()

    @property
    def model(self) -> bytes:
        """Return the TFLite flatbuffer."""
        return self.contents[MODEL]

    @property
    def title(self) -> str:
        """Return name and version, as results name the model."""
        return f"{self.manifest.name}-{self.manifest.version}"


def is_allowed(name: str) -> bool:
    """Tell whether an entry of this name belongs into a bundle."""
    return name in _NAMES or _GOLDEN_FRAME.fullmatch(name) is not None


def write_archive(path: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Manifest:
    """Write a bundle, unsigned, and return the manifest with the hashes of its `contents`.

    The manifest also says which linewarden it needs, where not every one will do. The file is
    replaced durably: a power cut leaves the old one or the whole new one. Raises ArchiveError.
    """
    if MODEL not in contents:
        raise ArchiveError(f"a bundle needs {MODEL}")
    strangers = [name for name in contents if not is_allowed(name) or name == MANIFEST]
    if strangers:
        raise ArchiveError(f"{strangers[0]!r} does not belong into a bundle")
    entries = {
        name: Entry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(contents.items())
    }
    needed = lowest_agent(manifest.model_dump(exclude_defaults=True), manifest.needs_agent)
    filled = manifest.model_copy(update={"entries": entries, "needs_agent": needed})
    ordered = {MANIFEST: manifest_bytes(filled), **{name: contents[name] for name in entries}}
    data = write_container(ordered)
    parse_archive(data)  # what is written can be read again, or is not written
    try:
        replace_durably(path, data)
    except OSError as error:
        raise ArchiveError(f"cannot write {path}: {error.strerror}") from error
    return filled


def sign_archive(data: bytes, private: Ed25519PrivateKey) -> bytes:
    """Return a whole bundle with one more signature. Raises BundleError."""
    archive = parse_archive(data)  # nobody signs what is damaged
    manifest = read_container(data, is_allowed)[MANIFEST]
    signature = sign_manifest(manifest, private, archive.signature)
    rest = {name: archive.contents[name] for name in sorted(archive.contents)}
    return write_container({**_opening(manifest, signature), **rest})


def open_archive(
    path: Path, trust: Keyring | None = None, *, allow_unsigned: bool = False
) -> Archive:
    """Read a bundle and check everything; its signature where the caller says whom to `trust`.

    Raises ArchiveError, ManifestError or SignatureError with one line for a technician.
    """
    data = read_bundle(path)
    try:
        return parse_archive(data, trust, allow_unsigned=allow_unsigned)
    except BundleError as error:
        raise type(error)(f"{path}: {error}") from error


def read_bundle(path: Path) -> bytes:
    """Return the bytes of a bundle, unchecked but for their number. Raises ArchiveError."""
    try:
        size = path.stat().st_size
        if size > MAX_ARCHIVE_BYTES:
            raise ArchiveError(
                f"{path} has {size} bytes; a bundle has at most {MAX_ARCHIVE_BYTES}: "
                "is it the right file?"
            )
        with path.open("rb") as file:
            return file.read(MAX_ARCHIVE_BYTES + 1)
    except OSError as error:
        raise ArchiveError(f"cannot read the bundle {path}: {error.strerror}") from error


def parse_archive(
    data: bytes, trust: Keyring | None = None, *, allow_unsigned: bool = False
) -> Archive:
    """Check the bytes of a bundle; `trust` and `allow_unsigned` as in `verify_manifest`.

    Raises ArchiveError, ManifestError or SignatureError.
    """
    contents = read_container(data, is_allowed)
    if MANIFEST not in contents or MODEL not in contents:
        raise ArchiveError(
            f"the bundle lacks {MANIFEST} or {MODEL}: get it again from where it was made"
        )
    order = list(contents)
    signature, text = contents.pop(SIGNATURE, None), contents.pop(MANIFEST)
    # The signature comes first: nothing of an untrusted bundle is parsed further.
    signers: tuple[str, ...] = ()
    if trust is not None:
        signers = verify_manifest(text, signature, trust, allow_unsigned=allow_unsigned)
    elif signature is not None:
        parse_signatures(signature)
    manifest = parse_manifest(text)
    _check_entries(manifest, contents)
    if order != [*_opening(text, signature), *sorted(contents)]:
        raise ArchiveError("the bundle's entries are out of order: it was changed; get it again")
    return Archive(manifest, contents, signature, len(data), signers)


def _opening(manifest: bytes, signature: bytes | None) -> dict[str, bytes]:
    """Return the entries that stand before all others."""
    return {MANIFEST: manifest} | ({} if signature is None else {SIGNATURE: signature})


def _check_entries(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Hold sizes and hashes of the manifest against the contents, both ways."""
    listed, present = set(manifest.entries), set(contents)
    if listed != present:
        name = min(listed ^ present)
        where = "lists but the bundle lacks" if name in listed else "does not list"
        raise ArchiveError(
            f"the bundle is not whole: its manifest {where} {name}: get it again from where it "
            "was made"
        )
    for name, entry in manifest.entries.items():
        if hashlib.sha256(contents[name]).hexdigest() != entry.sha256:
            raise ArchiveError(
                f"{name} is not what the manifest says (wrong SHA-256): the bundle is damaged "
                "or was changed; get it again from where it was made"
            )
        if len(contents[name]) != entry.size:
            raise ArchiveError(
                f"{name} has another size than the manifest says: get the bundle again"
            )


def replace_durably(path: Path, data: bytes) -> None:
    """Replace a file so that a power cut leaves the old or the new one, whole. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
