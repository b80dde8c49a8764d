"""What the demo knows of its parts and the agent does not: which of them are defective."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.config.camera import ReplayCamera, SimCamera
from agent.config.document import Config
from agent.pictures.folder import replay_order
from bundle.manifest import Manifest

Truth = Callable[[int], bool | None]


def belt_truth(config: Config, manifest: Manifest) -> Truth:
    """Return a function: number of a belt part -> defective; None where nobody knows.

    Drawn parts know their defects; real pictures are labelled by the folder they lie in.
    """
    if isinstance(config.camera, SimCamera):
        from agent.sim.deck import Deck

        camera = config.camera
        deck = Deck(camera.deck, camera.defect_share, config.belt.seed)
        return deck.defective
    if isinstance(config.camera, ReplayCamera):
        return _folder_truth(config.camera, config.belt.seed, manifest)
    return lambda _part: None


def _folder_truth(camera: ReplayCamera, seed: int, manifest: Manifest) -> Truth:
    order = replay_order(Path(camera.folder), camera.order, seed)
    known = {label: label in manifest.defective for label in manifest.labels}
    labels = [known.get(path.parent.name) for path in order]
    return lambda part: labels[part % len(labels)]
