"""What of the camera's settings is not as it was when the model's pictures were taken."""

from __future__ import annotations

from agent.camera_settings import configured
from agent.config.camera import CameraSection, PipeCamera
from bundle.camera_settings import CameraSettings, differences


def camera_notes(section: CameraSection, trained: CameraSettings | None) -> list[str]:
    """Return a sentence for each setting that differs, with what to do.

    They are no faults: the model judges, only not the pictures that it was tested on.
    """
    if trained is None:
        return []
    if isinstance(section, PipeCamera):
        return [
            f"camera.command: the model was trained with {trained.told}; what the command sets "
            "cannot be seen from here: compare it"
        ]
    return [
        f"camera.{each.told}: {each.remedy}, or flash a model trained with this camera as it is"
        for each in differences(trained, configured(section))
    ]
