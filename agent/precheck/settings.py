"""What of a valid configuration does not go together, whatever the device is like."""

from __future__ import annotations

import math
import stat
from pathlib import Path

from agent.config.camera import PipeCamera, V4l2Camera, frame_size
from agent.config.document import Config
from agent.config.gate import ControllerGate, SimGate
from agent.config.trigger import CommandTrigger, IntervalTrigger

# What the firmware for the Pico holds between photo-eye and gate; see deploy/firmware/flight.py.
PICO_PARTS = 512


def setting_faults(config: Config) -> list[str]:
    """Return every contradiction that keeps parts from being judged, a sentence each."""
    return [*_pace_faults(config), *_camera_faults(config), *_pipe_faults(config)]


def setting_notes(config: Config) -> list[str]:
    """Return what may be meant so, and costs parts or pictures where it is not."""
    return [*_pace_notes(config), *_picture_notes(config)]


def _pace_faults(config: Config) -> list[str]:
    paced, timing = _paced(config), config.timing
    if paced is None:
        return []
    key, pitch_ms = paced
    if pitch_ms < timing.min_pitch_ms:
        return [
            f"{key}: a part every {pitch_ms:g} ms is closer than timing.min_pitch_ms "
            f"{timing.min_pitch_ms:g}: every part would be rejected as too close"
        ]
    riding = _riding(timing.delay_ms, pitch_ms)
    if riding > timing.max_in_flight:
        return [
            f"timing.max_in_flight {timing.max_in_flight}: with a part every {pitch_ms:g} ms and "
            f"timing.delay_ms {timing.delay_ms:g} there are {riding} between photo-eye and gate: "
            f"raise it to {riding}, or everything is rejected"
        ]
    return []


def _pace_notes(config: Config) -> list[str]:
    notes, timing = [], config.timing
    riding = _riding(timing.delay_ms, timing.min_pitch_ms)
    if _paced(config) is None and riding > timing.max_in_flight:
        notes.append(
            f"timing.max_in_flight {timing.max_in_flight}: parts that follow each other as closely "
            f"as timing.min_pitch_ms allows are {riding} between photo-eye and gate, and one too "
            "many rejects everything: raise it where they can come so"
        )
    if isinstance(config.gate, ControllerGate) and timing.max_in_flight > PICO_PARTS:
        notes.append(
            f"timing.max_in_flight {timing.max_in_flight}: a Pico with our firmware holds at most "
            f"{PICO_PARTS} parts and refuses more when the agent opens it"
        )
    return notes


def _paced(config: Config) -> tuple[str, float] | None:
    """Return which key says how often a part comes, and the time between two; None: nobody does."""
    if isinstance(config.gate, SimGate):
        return f"belt.rate_per_s {config.belt.rate_per_s:g}", 1000 / config.belt.rate_per_s
    if isinstance(config.trigger, IntervalTrigger):
        return "trigger.interval_ms", config.trigger.interval_ms
    return None


def _riding(delay_ms: float, pitch_ms: float) -> int:
    """Return how many parts there are between photo-eye and gate, with one more at either end."""
    return math.ceil(delay_ms / pitch_ms) + 2


def _camera_faults(config: Config) -> list[str]:
    camera = config.camera
    if not isinstance(camera, V4l2Camera | PipeCamera):
        return []
    faults, period_ms = [], 1000 / camera.frame_rate
    between = f"the {period_ms:.1f} ms between frames at camera.frame_rate {camera.frame_rate:g}"
    if camera.silent_ms <= period_ms:
        faults.append(
            f"camera.silent_ms {camera.silent_ms:g} is not longer than {between}: the camera would "
            "be lost again and again"
        )
    exposure_us = camera.exposure_us if isinstance(camera, V4l2Camera) else None
    if exposure_us is not None and exposure_us > period_ms * 1000:
        faults.append(
            f"camera.exposure_us {exposure_us} is longer than {between}: fewer would come, and "
            "parts would have none"
        )
    return faults


def _pipe_faults(config: Config) -> list[str]:
    if not isinstance(config.trigger, CommandTrigger):
        return []
    path = Path(config.trigger.pipe)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        there = path.parent.is_dir()
        return [] if there else [f"trigger.pipe: there is no folder {path.parent}: make it"]
    except OSError as error:
        return [f"trigger.pipe: {path}: {error.strerror}"]
    if stat.S_ISFIFO(mode):
        return []
    return [f"trigger.pipe: {path} is no named pipe: remove it, or name another"]


def _picture_notes(config: Config) -> list[str]:
    section, size = config.ledger, frame_size(config.camera)
    keeps = section.keep_rejects or section.keep_pass_every > 0
    if keeps and section.picture_quota_mb == 0:
        return ["ledger.picture_quota_mb is 0: no picture is kept, whatever keep_rejects says"]
    if keeps and size is not None and size[0] * size[1] > section.picture_quota_mb * 1_000_000:
        return [
            f"ledger.picture_quota_mb {section.picture_quota_mb}: a single picture of "
            f"{size[0]}x{size[1]} may take more, and would go at once"
        ]
    return []
