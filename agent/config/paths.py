"""Where the files that a configuration names lie: relative paths start at its own folder."""

from __future__ import annotations

from pathlib import Path

from agent.config.base import Section

# Each is a key of one driver only, where its section has drivers.
PATHS = (
    "camera.folder",
    "gate.record",
    "trigger.pipe",
    "model.bundle",
    "model.slots",
    "model.trust",
    "ledger.folder",
    "mqtt.password_file",
    "mqtt.ca_file",
    "mqtt.cert_file",
    "mqtt.key_file",
    "quality.reference",
)


def placed(config: Section, folder: Path) -> dict[str, Section]:
    """Return the sections that name files, with their relative paths starting at `folder`."""
    sections: dict[str, Section] = {}
    for key in PATHS:
        name, _, option = key.partition(".")
        section = sections.get(name, getattr(config, name))
        text = getattr(section, option, "")
        if text:
            sections[name] = section.model_copy(update={option: str(folder / text)})
    return sections
