"""Whether the camera is set as it was for the pictures that the model learned from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from agent.active_model import ActiveModel
from agent.config.camera import CameraSection, V4l2Camera
from agent.ports import Camera, HasSettings
from agent.records import Setting
from bundle.camera_settings import NAMES, CameraSettings, Settings, Value, differences

logger = logging.getLogger("linewarden.camera")

_REMEDY = "set [camera] so, or flash a model trained with this camera as it is"


def configured(section: CameraSection) -> Settings:
    """Return what the configuration locks; nothing of a camera that others set."""
    if not isinstance(section, V4l2Camera):
        return {}
    return {name: getattr(section, name) for name in NAMES}


def as_read_back(section: CameraSection, settings: Sequence[Setting]) -> Settings:
    """Return what the camera made of what the configuration locks; nothing before it is known."""
    if not settings:
        return {}
    found = dict(configured(section))
    lost = [each for each in settings if not each.kept]
    found |= {each.name: _value(each.given) for each in lost if each.name in found}
    # A value says nothing while the camera's own automatic changes it.
    found |= {each.locks: None for each in lost if each.locks and _is_number(each.given)}
    return found


class CameraWatch:
    """Tells when the camera is not set as for the model that judges: once for each cause.

    One thread looks. Anybody may read `differs`.
    """

    def __init__(
        self,
        section: CameraSection,
        camera: Camera,
        current: Callable[[], ActiveModel | None],
        tell: Callable[[str, str], None],
    ) -> None:
        self._section = section
        self._camera = camera if isinstance(camera, HasSettings) else None
        self._current = current
        self._tell = tell
        self._seen: tuple[str, CameraSettings | None, tuple[Setting, ...]] | None = None
        self._cause: tuple[str, ...] = ()
        self.differs: tuple[str, ...] = ()

    def look(self) -> None:
        """Compare where another model judges, or the camera was opened."""
        model = self._current()
        if self._camera is None:
            return
        if model is None:
            self._seen, self.differs = None, ()
            return
        seen = (model.title, model.manifest.camera, self._camera.settings)
        if seen != self._seen:
            self._seen = seen
            self._compare(*seen)

    def _compare(
        self, title: str, trained: CameraSettings | None, settings: tuple[Setting, ...]
    ) -> None:
        found = differences(trained, as_read_back(self._section, settings))
        self.differs = tuple(each.told for each in found)
        cause = (title, *(each.name for each in found)) if found else ()
        if found and cause != self._cause:
            text = (
                f"the camera is not set as when the pictures of {title} were taken: "
                f"{'; '.join(self.differs)}: {_REMEDY}"
            )
            logger.warning("%s", text)
            self._tell("camera_settings", text)
        self._cause = cause


def _value(given: str) -> Value:
    return float(given) if _is_number(given) else given


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
