"""Fixtures of the bundle tests: signed bundles, a keyring, and a disk that loses power."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from bundles import write_scripted
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archive import sign_archive
from bundle.signature import Keyring, TrustedKey, key_id
from bundle.slots import open_slots

OFFICE, SECOND = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))


@pytest.fixture
def trust() -> Keyring:
    """Return a keyring of the office's key."""
    public = OFFICE.public_key()
    return Keyring({key_id(public): TrustedKey("office", public)})


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return a maker of bundles: the bytes of a release, signed by the office or others."""
    folder = tmp_path_factory.mktemp("made")

    def make(release: int, signers: tuple[Ed25519PrivateKey, ...] = (OFFICE,)) -> bytes:
        path = write_scripted(folder / "m.lwb", release=release, version=f"1.0.{release}")
        data = path.read_bytes()
        for key in signers:
            data = sign_archive(data, key)
        return data

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the slots will be."""
    return tmp_path / "slots"


@pytest.fixture
def flash(folder: Path, trust: Keyring, make_bundle: Callable[..., bytes]) -> Callable[..., object]:
    """Return a function that installs a release, lets it judge and, if asked to, confirms it."""

    def run(release, *, confirm=False, keys=trust, signers=(OFFICE,), **options):
        with open_slots(folder, keys) as slots:
            slots.install(make_bundle(release, signers), **options)
            state = slots.switch()
            return slots.confirm() if confirm else state

    return run


@pytest.fixture
def second() -> Ed25519PrivateKey:
    """Return a second key, which `trust` does not know."""
    return SECOND


@pytest.fixture
def ring() -> Callable[..., Keyring]:
    """Return a maker of keyrings: the office's key and others, a few of them revoked."""

    def make(*others, office=True, revoked=()):
        keys = [*([OFFICE] if office else []), *others]
        named = {key_id(k.public_key()): TrustedKey("k", k.public_key()) for k in keys}
        return Keyring(named, frozenset(key_id(k.public_key()) for k in revoked))

    return make


class PowerCutError(BaseException):
    """The power went: not an Exception, so that no handler of the code can go on."""


class LossyDisk:
    """Watches what is done to a folder, cuts the power before a step, and shows what is left.

    It keeps what the medium has for sure: a file's bytes as of its last fsync, and a folder's
    names as of the folder's. `after` builds what may be found after the cut:
    `kept` all of it; `synced` only what is on the medium for sure; `torn` all names, but files that
    were not synced are cut in half.
    """

    VARIANTS = ("kept", "synced", "torn")

    def __init__(self, root: Path, cut_at: int | None = None) -> None:
        self.root, self.cut_at, self.steps = root, cut_at, 0
        self.dead = False
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        for folder, _, files in os.walk(root):
            self._sync_folder(Path(folder))
            for name in files:
                self._sync_file(Path(folder, name))

    def step(self) -> None:
        """Count a step; the power goes before the one at `cut_at`, and does not come back."""
        self.steps += 1
        if self.dead or self.steps == self.cut_at:
            self.dead = True
            raise PowerCutError

    def begin(self, path: Path) -> None:
        """Note that a file was emptied or made anew: the medium has nothing of it for sure."""
        self._bytes.pop(path.stat().st_ino, None)

    def sync(self, path: Path) -> None:
        """Note that a file or a folder is on the medium."""
        (self._sync_folder if path.is_dir() else self._sync_file)(path)

    def after(self, variant: str, target: Path) -> Path:
        """Build in `target` what is left, and return it."""
        if variant == "synced":
            self._restore(self.root.stat().st_ino, target)
            return target
        shutil.copytree(self.root, target)
        for path in target.rglob("*"):
            original = self.root / path.relative_to(target)
            if variant == "torn" and path.is_file() and not self._is_synced(original):
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return target

    def _sync_file(self, path: Path) -> None:
        self._bytes[path.stat().st_ino] = path.read_bytes()

    def _sync_folder(self, path: Path) -> None:
        names = {one.name: one.stat().st_ino for one in path.iterdir()}
        self._names[path.stat().st_ino] = names
        for one in path.iterdir():
            if one.is_dir():
                self._names.setdefault(one.stat().st_ino, {})

    def _is_synced(self, path: Path) -> bool:
        return self._bytes.get(path.stat().st_ino) == path.read_bytes()

    def _restore(self, folder: int, target: Path) -> None:
        target.mkdir()
        for name, number in self._names.get(folder, {}).items():
            if number in self._names:
                self._restore(number, target / name)
            else:
                (target / name).write_bytes(self._bytes.get(number, b""))


@pytest.fixture
def lossy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LossyDisk]:
    """Return a function that runs an action on a folder and cuts the power before a step."""

    def run(action: Callable[[Path], object], root: Path, cut_at: int | None = None) -> LossyDisk:
        disk = LossyDisk(root, cut_at)
        with monkeypatch.context() as patch:
            _watch(disk, patch)
            with suppress(PowerCutError):
                action(root)
        return disk

    # What is synced is kept in this process; the real medium would only cost time.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return run


def _watch(disk: LossyDisk, patch: pytest.MonkeyPatch) -> None:
    """Put a step before everything that changes the disk."""
    plain_open = Path.open

    def opened(path, mode="r", *args, **options):
        if mode != "wb":
            return plain_open(path, mode, *args, **options)
        disk.step()
        file = plain_open(path, mode, *args, **options)
        disk.begin(path)
        return file

    def synced(descriptor):
        disk.step()
        disk.sync(Path(f"/proc/self/fd/{descriptor}").resolve())

    def stepped(function):
        def call(*args, **options):
            disk.step()
            return function(*args, **options)

        return call

    patch.setattr(Path, "open", opened)
    patch.setattr(os, "fsync", synced)
    for name in ("replace", "unlink", "mkdir"):
        patch.setattr(Path, name, stepped(getattr(Path, name)))
