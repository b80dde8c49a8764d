"""Notes when whom this device trusts was changed: such a change lets other models in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.audit.deeds import Deeds
from agent.clock import Clock
from bundle.errors import SignatureError
from bundle.signature import Keyring, read_change, read_keyring

LOOK_NS = 1_000_000_000

_Mark = frozenset[tuple[str, int, int]]


class TrustWatch:
    """Looks into the trust folder and keeps the audit chain up to date. One thread calls.

    Changes from while the agent was down are noted at its start. Whoever makes them by hand, and
    not by `linewarden trust`, is not known.
    """

    def __init__(
        self, folder: Path | None, deeds: Deeds, tell: Callable[[str, str], None], clock: Clock
    ) -> None:
        self._folder = folder
        self._deeds = deeds
        self._tell = tell
        self._clock = clock
        self._due_ns = 0
        self._mark: _Mark | None = None

    def look(self) -> None:
        """Note a change, at most once a second."""
        folder, now_ns = self._folder, self._clock.now_ns()
        if folder is None or now_ns < self._due_ns:
            return
        self._due_ns = now_ns + LOOK_NS
        mark = _mark(folder)
        if mark == self._mark:
            return
        self._mark = mark
        text, digest = _described(folder)
        if self._deeds.note_trust(text, digest):
            self._tell("trust_changed", text)


def _described(folder: Path) -> tuple[str, str]:
    """Return whom the folder names, in a sentence, and a hash of all that counts of it."""
    try:
        ring = read_keyring(folder) if folder.exists() else Keyring()
    except SignatureError as error:
        text = f"nobody is trusted: {error}"
        return text, hashlib.sha256(text.encode()).hexdigest()
    trusted, revoked = sorted(ring.trusted), sorted(ring.revoked)
    digest = hashlib.sha256("\n".join([*trusted, "revoked", *revoked]).encode()).hexdigest()
    names = ", ".join(ring.name(key) for key in trusted) or "nobody"
    text = f"trusted here: {names}; revoked: {', '.join(revoked) or 'none'}"
    change = read_change(folder)
    return f"{text}; last change: {change}" if change else text, digest


def _mark(folder: Path) -> _Mark:
    """Return what changes with any file of the folder."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            status = path.stat()
            found.append((path.name, status.st_mtime_ns, status.st_size))
    return frozenset(found)
