"""Who is at the keyboard: what the account of the line keeps beside each change."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from datetime import datetime, timezone

from deploy.clock import Clock

MAX_NAME = 60


def who(clock: Clock, name: str | None = None, env: Mapping[str, str] = os.environ) -> str:
    """Return who changes the slots and when, as `anna (uid 1000) at 2026-05-01T06:00:00Z`.

    The login stands beside a `name` that was given: everybody can type one. The time is the
    clock's, right or wrong; nothing is decided by it.
    """
    login, uid = _login(env)
    asked = " ".join((name or "").split())[:MAX_NAME]
    asked = "".join(each for each in asked if each.isprintable())
    person = f"{asked} ({login}, uid {uid})" if asked else f"{login} (uid {uid})"
    at = datetime.fromtimestamp(clock.wall_ns() // 1_000_000_000, timezone.utc)
    return f"{person} at {at:%Y-%m-%dT%H:%M:%SZ}"


def _login(env: Mapping[str, str]) -> tuple[str, int]:
    """Return name and number of who logged in; behind sudo, who called it."""
    uid = os.getuid()
    called = env.get("SUDO_UID", "")
    if uid == 0 and called.isascii() and called.isdigit():
        uid = int(called)
    try:
        return pwd.getpwuid(uid).pw_name, uid
    except (KeyError, OverflowError):
        return "unknown", uid
