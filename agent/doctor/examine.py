"""Look at everything the agent stands on, from the configuration down to the groups."""

from __future__ import annotations

from pathlib import Path

from agent.clock import Clock
from agent.config.document import Config, read_config
from agent.doctor.broker_check import check_broker
from agent.doctor.device_checks import check_camera, check_gate
from agent.doctor.disk_checks import check_disk
from agent.doctor.finding import Finding, fault, note, ok
from agent.doctor.model_checks import check_model
from agent.doctor.system_checks import ask_systemd, check_clock, check_groups, check_service
from agent.errors import ConfigError
from agent.precheck.check import check
from agent.precheck.notes import is_running
from agent.unconfigured import is_unconfigured

# What precheck says of these is looked at more closely here.
_ELSEWHERE = ("model.", "camera.device", "gate.port", "ledger.folder")


def examine(path: Path, clock: Clock) -> list[Finding]:
    """Return what was found, in the order in which a technician would look."""
    checked = _read(path)
    if isinstance(checked, list):
        running = False
        found = checked
    else:
        running = is_running(checked)
        found = [
            *_configuration(path, checked, clock),
            *check_model(checked, running=running),
            check_camera(checked, clock, running=running),
            check_gate(checked, running=running),
            *check_disk(Path(checked.ledger.folder), clock),
            check_broker(checked.mqtt, clock_known=clock.wall_ok()),
        ]
    found += [check_clock(clock), check_service(ask_systemd(), running=running), check_groups()]
    return found


def _read(path: Path) -> Config | list[Finding]:
    if is_unconfigured(path):
        text = f"{path} says nothing yet: every part is rejected"
        return [fault("configuration", text, "`sudo linewarden setup`")]
    try:
        return read_config(path)
    except ConfigError as error:
        following = "mend it; `linewarden check-config --explain`"
        return [fault("configuration", each, following) for each in (str(error), *error.others)]


def _configuration(path: Path, config: Config, clock: Clock) -> list[Finding]:
    said = check(config, clock)
    faults = [each for each in said.faults if not each.startswith(_ELSEWHERE)]
    following = "mend it, then `linewarden check-config`"
    found = [fault("configuration", each, following) for each in faults]
    if not found:
        found = [ok("configuration", f"{path}: fine")]
    found += [note("configuration", each) for each in said.notes]
    if said.unproven:
        found.append(fault("model", said.unproven, "`linewarden flash FILE`"))
    return found
