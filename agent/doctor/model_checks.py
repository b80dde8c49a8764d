"""Whether there is a model, whole and trusted, and whether the agent judges by it."""

from __future__ import annotations

from pathlib import Path

from agent.camera_settings import configured
from agent.config.camera import frame_size
from agent.config.document import Config
from agent.doctor.finding import Finding, fault, ok, warning
from bundle.archive import Archive, open_archive
from bundle.camera_settings import differences
from bundle.errors import BundleError
from bundle.judging import read_judging
from bundle.signature import Keyring, read_keyring
from bundle.slot_files import bundle_path, is_whole, read_state

_FLASH = "`linewarden flash FILE`"


def check_model(config: Config, *, running: bool) -> list[Finding]:
    """Look at the trust folder, at the bundle that is to judge, and at what the agent says."""
    found: list[Finding] = []
    trust: Keyring | None = None
    folder = config.model.trust_folder
    if folder is not None:
        trust, finding = _trust(folder)
        found.append(finding)
    if config.model.allow_unsigned:
        text = "models without a signature may judge (model.allow_unsigned)"
        found.append(warning("unsigned", text, "take it out once your models are signed"))
    try:
        archive = _active(config, trust)
    except BundleError as error:
        return [*found, fault("model", str(error), _FLASH)]
    if archive is None:
        return [*found, fault("model", "none yet: every part is rejected", _FLASH)]
    found += [_fit(config, archive), *_camera(config, archive)]
    if running and config.model.slots:
        found.append(_judged(Path(config.model.slots)))
    return found


def _trust(folder: Path) -> tuple[Keyring | None, Finding]:
    add = "`sudo linewarden trust --add NAME.pub`"
    try:
        trust = read_keyring(folder)
    except BundleError as error:
        return None, fault("trust", str(error), add)
    if not trust.trusted:
        return trust, fault("trust", f"no key is trusted in {folder}", add)
    names = ", ".join(trust.name(each) for each in sorted(trust.trusted))
    if trust.faults:
        return trust, warning("trust", f"not read: {trust.faults[0]}", "take that file away")
    return trust, ok("trust", names)


def _active(config: Config, trust: Keyring | None) -> Archive | None:
    """Return the bundle that is to judge; None where none was flashed. Raises BundleError."""
    allowed = config.model.allow_unsigned or bool(config.model.bundle)
    if config.model.bundle:
        return open_archive(Path(config.model.bundle), trust, allow_unsigned=allowed)
    folder = Path(config.model.slots)
    state = read_state(folder)
    held = state.judging
    if state.active is None or held is None:
        return None
    archive = open_archive(bundle_path(folder, state.active), trust, allow_unsigned=allowed)
    if not is_whole(folder, state.active, held.sha256):
        raise BundleError(f"slot {state.active} holds another file than was flashed")
    return archive


def _fit(config: Config, archive: Archive) -> Finding:
    spec, given = archive.manifest.input, frame_size(config.camera)
    if given is not None and given != (spec.frame_width, spec.frame_height):
        text = (
            f"{archive.title} is for frames of {spec.frame_width}x{spec.frame_height}, the camera "
            f"gives {given[0]}x{given[1]}: every part is rejected"
        )
        return fault("model", text, "set camera.width and camera.height, or flash another one")
    signed = "signed" if archive.signers else "signature not checked"
    return ok("model", f"{archive.title}, release {archive.manifest.release}, whole, {signed}")


def _camera(config: Config, archive: Archive) -> list[Finding]:
    """Say which settings are others than those of the pictures that the model learned from."""
    found = differences(archive.manifest.camera, configured(config.camera))
    return [warning("camera settings", f"camera.{each.told}", each.remedy) for each in found]


def _judged(folder: Path) -> Finding:
    judging = read_judging(folder)
    if judging is None or not judging.ready:
        why = f": {judging.refused}" if judging is not None and judging.refused else ""
        following = "`journalctl -u linewarden -n 50`, then `linewarden status`"
        return fault("judging", f"the agent judges by no model{why}", following)
    if judging.refused:
        text = f"the agent refused a model: {judging.refused}"
        return warning("judging", text, "`linewarden status`")
    return ok("judging", f"by {judging.title} since {judging.since}")
