"""All that can be said of a configuration on this device: faults, and notes that are none."""

from __future__ import annotations

from dataclasses import dataclass

from agent.active_model import OpenEngine
from agent.clock import Clock
from agent.config.document import Config
from agent.errors import ConfigError, ModelError
from agent.models.slot_watch import wanted_bundle
from agent.precheck.camera_notes import camera_notes
from agent.precheck.faults import find_faults, model_key
from agent.precheck.model_time import time_fault, time_model, time_note
from agent.precheck.network import broker_notes, metrics_faults, metrics_notes
from agent.precheck.notes import find_notes, is_running
from agent.precheck.settings import setting_notes
from bundle.archive import open_archive
from bundle.errors import BundleError


@dataclass(frozen=True, slots=True)
class Said:
    """Faults keep the line from running well; notes are good to know. Each is one sentence.

    `unproven` is the one of the faults that says why the model, whole as it is, cannot judge here.
    """

    faults: list[str]
    notes: list[str]
    unproven: str = ""


def check(config: Config, clock: Clock, opener: OpenEngine | None = None) -> Said:
    """Look at everything, and time the model that is to judge.

    `opener` stands in for the engine of the configuration.
    """
    running = is_running(config)
    faults = [*find_faults(config), *metrics_faults(config.metrics, running=running)]
    notes = [*find_notes(config), *setting_notes(config)]
    notes += [*broker_notes(config.mqtt), *metrics_notes(config.metrics)]
    said = Said(faults, notes)
    if any(fault.startswith("model.") for fault in said.faults):
        return said
    try:
        _check_model(said, config, clock, opener)
    except (ModelError, BundleError) as error:
        unproven = f"{model_key(config.model)}: {error}"
        return Said([*said.faults, unproven], said.notes, unproven)
    return said


def _check_model(said: Said, config: Config, clock: Clock, opener: OpenEngine | None) -> None:
    try:
        path = wanted_bundle(config.model)
        if path is None:
            return
        said.notes.extend(camera_notes(config.camera, open_archive(path).manifest.camera))
        times = time_model(path, config, clock, opener)
    except ConfigError:
        return  # it stands among the faults
    fault, note = time_fault(config, times), time_note(config, times)
    if fault and is_running(config):
        # The running agent takes its share of the processor: the time is not the model's alone.
        said.notes.append(f"{fault} (timed beside the running agent)")
    elif fault:
        said.faults.append(fault)
    elif note:
        said.notes.append(note)
