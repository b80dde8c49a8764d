"""What is in the slots and what the agent does with it, gathered for `status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bundle.archive import Archive, parse_archive, read_bundle
from bundle.errors import BundleError
from bundle.judging import Judging, read_judging
from bundle.signature import Keyring
from bundle.slot_files import bundle_path, is_whole, read_state
from bundle.slot_state import SLOTS, Installed, SlotName, SlotState, floor
from deploy.holding import check_rights
from deploy.line_config import LineConfig
from deploy.takeover import is_running

Report = dict[str, Any]


def gather(line: LineConfig, trust: Keyring) -> Report:
    """Return everything `status` shows, as it goes into JSON. Raises StateError, DeployError."""
    check_rights(line.slots, writing=False)
    state, judging = read_state(line.slots), read_judging(line.slots)
    slots = {name: _slot(line, trust, state, name) for name in SLOTS if name in state.slots}
    return {
        "folder": str(line.slots),
        "fixed": None if line.fixed is None else str(line.fixed),
        "active": state.active,
        "previous": state.previous,
        "slots": slots,
        "floor": floor(state, trust.trusted),
        "floors": dict(state.floors),
        "changed_by": state.by,
        "unsigned_allowed": line.allow_unsigned,
        "trusted": {key: trust.keys[key].name for key in sorted(trust.trusted)},
        "trust_faults": list(trust.faults),
        "agent": _agent(judging),
        "faults": _faults(state, slots, judging),
    }


def _slot(line: LineConfig, trust: Keyring, state: SlotState, name: SlotName) -> Report:
    held = state.slots[name]
    archive, fault = _opened(bundle_path(line.slots, name), trust, line)
    if not fault and not is_whole(line.slots, name, held.sha256):
        fault = "the file is another one than was flashed: flash the model again"
    return {
        "title": held.title,
        "release": held.release,
        "status": held.status,
        "judges": state.active == name,
        "sha256": held.sha256,
        "size": held.size,
        "starts": held.starts,
        "signers": [trust.name(each) for each in held.signers],
        "fault": fault,
        "card": {} if archive is None else _card(archive),
    }


def _opened(path: Path, trust: Keyring, line: LineConfig) -> tuple[Archive | None, str]:
    try:
        data = read_bundle(path)
        return parse_archive(data, trust, allow_unsigned=line.allow_unsigned), ""
    except BundleError as error:
        return None, str(error)


def _card(archive: Archive) -> Report:
    """Return the few figures of the card that a technician asks for."""
    manifest, card = archive.manifest, _json(archive.contents)
    return {
        "architecture": manifest.architecture,
        "model_bytes": len(archive.model),
        "labels": list(manifest.labels),
        "reject_at": manifest.thresholds.reject_at,
        "recheck_at": manifest.thresholds.recheck_at,
        "tests": [_test(each) for each in card.get("parity", {}).get("sets", [])],
    }


def _test(figures: Any) -> Report:
    """Return one test of the card: its pictures, and what the int8 model missed of them."""
    found: Report = {}
    with suppress(AttributeError, KeyError, TypeError):
        found = {
            "name": str(figures["name"]),
            "pictures": int(figures["pictures"]),
            "accuracy": float(figures["int8_accuracy"]["value"]),
            "escapes": int(figures["int8_escapes"]["count"]),
            "defective": int(figures["int8_escapes"]["total"]),
        }
    return found


def _json(contents: Mapping[str, bytes]) -> Report:
    with suppress(KeyError, ValueError, RecursionError):
        card = json.loads(contents["card.json"])
        return card if isinstance(card, dict) else {}
    return {}


def _agent(judging: Judging | None) -> Report:
    running = judging is not None and is_running(judging.pid)
    facts: Report = {"running": running}
    if judging is not None:
        facts |= judging.model_dump(mode="json", exclude={"schema_version"})
    return facts


def _faults(state: SlotState, slots: dict[SlotName, Report], judging: Judging | None) -> list[str]:
    """Say what is not as it should be, each with what to do."""
    found = [f"slot {name}: {each['fault']}" for name, each in slots.items() if each["fault"]]
    if state.judging is None:
        found.append("no model judges, every part is rejected: `linewarden flash FILE`")
    if judging is None or not is_running(judging.pid):
        found.append("the agent is not running: `systemctl status linewarden`")
        return found
    if judging.refused:
        found.append(f"the agent refused a model: {judging.refused}")
    found += _difference(state.judging, judging)
    return found


def _difference(wanted: Installed | None, judging: Judging) -> list[str]:
    if wanted is None or wanted.sha256 == judging.sha256:
        return []
    now = judging.title or "no model"
    return [f"the agent judges by {now}, not yet by {wanted.title}: wait, or restart it"]
