"""What would keep a valid configuration from running on this device, found without a model."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from agent.active_model import check_size
from agent.config.camera import CameraSection, PipeCamera, ReplayCamera, V4l2Camera, frame_size
from agent.config.document import Config
from agent.config.gate import GateSection, LcusGate, SimGate
from agent.config.model import Model
from agent.errors import CameraError, ConfigError, ModelError
from agent.models.slot_watch import terms_of, wanted_bundle
from agent.pictures.folder import list_pictures
from agent.precheck.devices import port_fault, same_device, video_fault
from agent.precheck.network import broker_faults
from agent.precheck.settings import setting_faults
from agent.quality.shift import read_reference
from bundle.archive import open_archive
from bundle.errors import BundleError

MIN_FREE_BYTES = 64 * 1024 * 1024


def find_faults(config: Config) -> list[str]:
    """Return every fault found, each in one sentence that says what to do."""
    faults = [*_ledger_faults(Path(config.ledger.folder)), *_bundle_faults(config)]
    faults += [*_camera_faults(config.camera), *_frame_faults(config)]
    faults += [*_gate_faults(config.gate), *_shared_faults(config), *setting_faults(config)]
    return [*faults, *broker_faults(config.mqtt)]


def model_key(model: Model) -> str:
    """Return the key that says which model judges."""
    return "model.bundle" if model.bundle else "model.slots"


def _bundle_faults(config: Config) -> list[str]:
    model = config.model
    key = model_key(model)
    try:
        path = wanted_bundle(model)
        if path is None:
            return [f"{key}: no model is installed: `linewarden flash FILE` installs one"]
        terms = terms_of(model, "", frame_size(config.camera))
        archive = open_archive(path, terms.trust, allow_unsigned=terms.allow_unsigned)
        check_size(archive.manifest, terms.frame_size)
    except (BundleError, ModelError) as error:
        return [f"{key}: {error}"]
    return []


def _camera_faults(camera: CameraSection) -> list[str]:
    if isinstance(camera, ReplayCamera):
        return _replay_faults(Path(camera.folder))
    if isinstance(camera, PipeCamera) and not camera.shell and not shutil.which(camera.command[0]):
        return [f"camera.command: there is no program {camera.command[0]}: install it"]
    if isinstance(camera, V4l2Camera):
        if fault := video_fault(camera.device):
            return [f"camera.device: {fault}"]
        if camera.exposure_us is None:
            return [
                "camera.exposure_us is not set: the camera's own automatic would change the "
                "pictures; set what the model was trained with"
            ]
    return []


def _replay_faults(folder: Path) -> list[str]:
    try:
        list_pictures(folder)
    except CameraError as error:
        return [f"camera.folder: {error}"]
    return []


def _frame_faults(config: Config) -> list[str]:
    """Return what keeps a frame from falling into a part's time at the camera, or from use."""
    faults, timing = [], config.timing
    period_ms = 1000 / config.camera.frame_rate
    if period_ms > timing.frame_within_ms:
        faults.append(
            f"timing.frame_within_ms {timing.frame_within_ms:g}: frames are {period_ms:.1f} ms "
            "apart, so some parts would have none: raise it or camera.frame_rate"
        )
    if isinstance(config.camera, PipeCamera):
        latency_ms = config.camera.latency_ms
        if latency_ms > timing.frame_arrives_ms:
            faults.append(
                f"camera.latency_ms {latency_ms:g} is longer than timing.frame_arrives_ms "
                f"{timing.frame_arrives_ms:g}: every frame would come too late"
            )
    try:
        read_reference(config.quality)
    except ConfigError as error:
        faults.append(str(error))
    return faults


def _gate_faults(gate: GateSection) -> list[str]:
    if isinstance(gate, SimGate):
        return []
    fault = port_fault(gate.port)
    faults = [f"gate.port: {fault}"] if fault else []
    if isinstance(gate, LcusGate):
        if not gate.held:
            faults.append(
                "gate.held: this relay stays as a killed agent left it, and then lets parts "
                "through; set held = true where the actuator stands being powered at rest"
            )
    elif gate.wiring == "energise_to_reject":
        faults.append(
            "gate.wiring: with energise_to_reject a gate without power lets parts through; "
            "use energise_to_pass"
        )
    return faults


def _shared_faults(config: Config) -> list[str]:
    camera, gate = config.camera, config.gate
    if not isinstance(camera, V4l2Camera) or isinstance(gate, SimGate):
        return []
    if not same_device(camera.device, gate.port):
        return []
    return [
        f"camera and gate: camera.device {camera.device} and gate.port {gate.port} are one "
        "device; look into /dev/v4l/by-id and /dev/serial/by-id for the two"
    ]


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
