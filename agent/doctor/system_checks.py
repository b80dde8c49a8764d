"""The clock, the service, and the rights of the user it runs as."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Callable

from agent.clock import Clock
from agent.doctor.finding import Finding, fault, ok, warning
from agent.timesync import EARLIEST_WALL_NS

USER, GROUPS = "linewarden", ("video", "dialout")
_PATIENCE_S = 10.0
_SHOWN = ("ActiveState", "StatusText", "NRestarts", "UnitFileState", "LoadState")


def check_clock(clock: Clock) -> Finding:
    """Look at the wall clock: a label only, but on every result and in every certificate."""
    if clock.wall_ns() < EARLIEST_WALL_NS:
        text = "the clock is years behind: results carry a wrong time"
        return warning("clock", text, "`sudo timedatectl set-ntp true`; give the board a battery")
    if not clock.wall_ok():
        following = "`timedatectl`; `sudo timedatectl set-ntp true`"
        return warning("clock", "no time service has set it, as far as we may know", following)
    return ok("clock", "set by a time service")


def ask_systemd() -> dict[str, str] | None:
    """Return what systemd says of the service; None where it cannot be asked."""
    command = ["systemctl", "show", "linewarden.service", f"--property={','.join(_SHOWN)}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    facts = {key: value for key, _, value in pairs}
    return facts if done.returncode == 0 and "LoadState" in facts else None


def check_service(facts: dict[str, str] | None, *, running: bool) -> Finding:
    """Look at the service, if the agent is one here."""
    if facts is None or facts["LoadState"] != "loaded":
        if running:
            return ok("service", "the agent runs, but not as a service of systemd")
        return warning("service", "the agent does not run", "`linewarden run`")
    if facts["ActiveState"] != "active":
        following = "`sudo systemctl start linewarden`, `journalctl -u linewarden -n 50`"
        return fault("service", f"it is {facts['ActiveState']}: nobody judges", following)
    if facts["UnitFileState"] not in ("enabled", "static"):
        text = "it does not start with the device"
        return warning("service", text, "`sudo systemctl enable linewarden`")
    if facts["NRestarts"] not in ("", "0"):
        text = f"it was started anew {facts['NRestarts']} times since boot"
        return warning("service", text, "`journalctl -u linewarden -p warning`")
    return ok("service", facts["StatusText"] or "active")


def check_groups(members: Callable[[str], list[str]] | None = None) -> Finding:
    """Look whether the service's user may use cameras and serial ports."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        who = pwd.getpwuid(os.getuid()).pw_name if _known(os.getuid()) else str(os.getuid())
        return ok("user", f"there is no user {USER} here; we look as {who}")
    lacking = [group for group in GROUPS if USER not in (members or _members)(group)]
    if lacking:
        following = f"`sudo usermod -aG {','.join(lacking)} {USER}`, restart the service"
        return warning("user", f"{USER} is not in {' and '.join(lacking)}", following)
    return ok("user", f"{USER} is in {' and '.join(GROUPS)}")


def _known(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _members(group: str) -> list[str]:
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []
