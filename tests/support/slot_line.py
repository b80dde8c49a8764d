"""A live line whose model comes from slots: releases of the drawn castings' model, signed here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from live_line import RENDERED, LiveLine

from bundle.archive import open_archive, sign_archive, write_archive
from bundle.judging import Judging, read_judging
from bundle.manifest import Thresholds
from bundle.signature import Keyring, read_keyring
from bundle.slot_state import SlotState
from bundle.slots import Slots, open_slots

KEY = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
ANNA = "anna (uid 1000) at 2026-03-04T05:06:07Z"
REJECT_ALL = Thresholds(reject_at=0.0, recheck_at=0.0, chosen="to reject every part")
PASS_ALL = Thresholds(reject_at=1.0, recheck_at=1.0, chosen="to pass every part")


def write_trust(folder: Path, key: Ed25519PrivateKey = KEY) -> Path:
    """Make a trust folder with the public key that `release` signs with."""
    folder.mkdir(exist_ok=True)
    encoding = serialization.Encoding.PEM
    pem = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "office.pub").write_bytes(pem)
    return folder


def release(
    folder: Path,
    number: int,
    key: Ed25519PrivateKey | None = KEY,
    *,
    bundle: Path = RENDERED,
    **changes,
) -> bytes:
    """Return the bytes of a release of a model, the drawn castings' one, changed and signed.

    `golden` replaces the outputs that are expected of the golden frames.
    """
    archive = open_archive(bundle)
    contents = dict(archive.contents)
    if "golden" in changes:
        contents["golden/expected.json"] = changes.pop("golden")
    changes = {"release": number, "version": f"1.0.{number}", **changes}
    path = folder / f"release-{number}.lwb"
    write_archive(path, archive.manifest.model_copy(update=changes), contents)
    data = path.read_bytes()
    return data if key is None else sign_archive(data, key)


class SlotLine(LiveLine):
    """One line with slots. What a technician does is done as `linewarden flash` does it."""

    def __init__(self, folder: Path, **options) -> None:
        super().__init__(folder, **options)
        self.slots = folder / "slots"
        self.trust = write_trust(folder / "trust")
        self.settings = "[probation]\nparts = 100000\nminutes = 100\n"
        self.model = ""

    @property
    def keyring(self) -> Keyring:
        """Return whom the device trusts."""
        return read_keyring(self.trust)

    def do(self, change: Callable[[Slots], SlotState]) -> SlotState:
        """Change the slots as a technician."""
        with open_slots(self.slots, self.keyring, by=ANNA) as slots:
            return change(slots)

    def flash(self, data: bytes, *, confirm: bool = False) -> SlotState:
        """Install a bundle and let it judge."""
        self.do(lambda slots: slots.install(data))
        state = self.do(lambda slots: slots.switch())
        return self.do(lambda slots: slots.confirm()) if confirm else state

    def judging(self) -> Judging | None:
        """Return what the agent says of its models."""
        return read_judging(self.slots)

    def models(self) -> list[str]:
        """Return which model judged each part, in the order of the belt; "" for none."""
        return [row["model"] for row in self.rows()]

    def events(self, kind: str) -> list[str]:
        """Return the texts of the ledger's events of a kind."""
        return events_of(self.folder / "ledger", kind)

    def _write_config(self, start_ns: int) -> None:
        super()._write_config(start_ns)
        text = self.config.read_text("utf-8")
        own = f'slots = "{self.slots}"\ntrust = "{self.trust}"\n{self.model}'
        text = text.replace(f'bundle = "{self.bundle.resolve()}"\n', own)
        self.config.write_text(text + self.settings, "utf-8")


def events_of(folder: Path, kind: str) -> list[str]:
    """Return the texts of a ledger's events of a kind."""
    connection = sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT text FROM event WHERE kind = ? ORDER BY number", [kind])
        return [row[0] for row in found]
    finally:
        connection.close()
