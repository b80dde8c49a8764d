"""Opens a model on the configuration's terms, with the watch over its frames."""

from __future__ import annotations

from pathlib import Path

from agent.active_model import ActiveModel, OpenEngine, open_active
from agent.clock import Clock
from agent.config.camera import frame_size
from agent.config.document import Config
from agent.drivers import open_engine
from agent.errors import ModelError
from agent.models.slot_watch import terms_of, wanted_bundle
from agent.ports import Engine
from agent.quality.frames import FrameQuality
from agent.quality.shift import read_reference
from bundle.archive import open_archive
from bundle.errors import BundleError


class ModelLoader:
    """Opens, warms up and proves models; takes as long as it takes. Raises ConfigError.

    `opener` stands in for the engine of the configuration.
    """

    def __init__(self, config: Config, clock: Clock, opener: OpenEngine | None = None) -> None:
        self._config = config
        self._clock = clock
        self._opener = opener or self._open_engine
        self._mark = read_reference(config.quality)

    @property
    def allows_unsigned(self) -> bool:
        """Whether a bundle that nobody signed may judge here."""
        model = self._config.model
        return model.allow_unsigned or model.trust_folder is None

    def load(self, path: Path, sha256: str = "", beside: ActiveModel | None = None) -> ActiveModel:
        """Open the bundle that has this hash; an empty one stands for any.

        `beside` is a model that fits the camera: the new one must take the same frames. Raises
        ModelError with one line.
        """
        config = self._config
        size = frame_size(config.camera)
        if size is None and beside is not None:
            spec = beside.manifest.input
            size = (spec.frame_width, spec.frame_height)
        try:
            terms = terms_of(config.model, sha256, size)
        except BundleError as error:
            raise ModelError(str(error)) from error
        model = open_active(path, self._opener, self._clock, terms)
        model.quality = FrameQuality(config.quality, model.region, self._mark)
        return model

    def _open_engine(self, model: bytes) -> Engine:
        engine = self._config.engine
        return open_engine(engine.driver, model, engine.threads)


def first_region(config: Config) -> tuple[int, int, int, int] | None:
    """Return the region of interest of the bundle that is to judge first; None for none.

    A file of the configuration that is no bundle is a mistake: ModelError. What is wrong with the
    slots is the running agent's business: it rejects every part and says why.
    """
    try:
        path = wanted_bundle(config.model)
        region = open_archive(path).manifest.input.region if path is not None else None
    except BundleError as error:
        if config.model.bundle:
            raise ModelError(str(error)) from error
        return None
    return None if region is None else (region.x, region.y, region.width, region.height)
