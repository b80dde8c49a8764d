"""What would keep a valid configuration from running on this device, said before it starts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agent.config import Config
from agent.config_camera import ReplayCamera
from agent.config_gate import ControllerGate
from bundle.archive import Archive, open_archive
from bundle.errors import BundleError

MIN_FREE_BYTES = 64 * 1024 * 1024


def find_faults(config: Config) -> list[str]:
    """Return every fault found, each in one sentence that says what to do."""
    faults = [*_ledger_faults(Path(config.ledger.folder)), *_bundle_faults(config)]
    if isinstance(config.camera, ReplayCamera) and not Path(config.camera.folder).is_dir():
        faults.append(f"camera.folder: there is no folder {config.camera.folder}")
    if isinstance(config.gate, ControllerGate):
        faults += _port_faults(config.gate.port)
        if config.gate.wiring == "energise_to_reject":
            faults_note = (
                "gate.wiring: with energise_to_reject a gate without power lets parts through; "
                "use energise_to_pass"
            )
            faults.append(faults_note)
    for key, text in (
        ("mqtt.password_file", config.mqtt.password_file),
        ("mqtt.ca_file", config.mqtt.ca_file),
    ):
        if text and not os.access(text, os.R_OK):
            faults.append(f"{key}: {text} cannot be read")
    return faults


def _bundle_faults(config: Config) -> list[str]:
    path = Path(config.model.bundle)
    try:
        archive = open_archive(path)
    except BundleError as error:
        return [f"model.bundle: {error}"]
    return _size_faults(config, archive)


def _size_faults(config: Config, archive: Archive) -> list[str]:
    spec = archive.manifest.input
    if config.camera.driver == "sim" and (spec.frame_width, spec.frame_height) != (300, 300):
        return [
            f"model.bundle: trained on frames of {spec.frame_width}x{spec.frame_height}, the "
            "camera gives 300x300: every part would be rejected"
        ]
    return []


def _ledger_faults(folder: Path) -> list[str]:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return [f"ledger.folder: {place} is no folder"]
    if not os.access(place, os.W_OK):
        return [f"ledger.folder: {place} cannot be written"]
    disk = os.statvfs(place)
    if disk.f_bavail * disk.f_frsize < MIN_FREE_BYTES:
        return [f"ledger.folder: less than 64 MiB are free at {place}: make room"]
    return []


def _port_faults(port: str) -> list[str]:
    try:
        mode = Path(port).stat().st_mode
    except OSError as error:
        return [f"gate.port: {port}: {error.strerror}; look into /dev/serial/by-id"]
    if not stat.S_ISCHR(mode):
        return [f"gate.port: {port} is no serial port"]
    if not os.access(port, os.R_OK | os.W_OK):
        return [f"gate.port: no permission for {port}; add the user to the group dialout"]
    return []
