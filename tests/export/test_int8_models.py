"""An int8 model that was made once is not made again, and is no other network's."""

from __future__ import annotations

import numpy as np
import pytest

from export import int8_models
from export.int8_models import Int8Models
from training.run_folder import RunFolder

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture
def converted(monkeypatch):
    """Let networks be converted at once, into the number of the conversion; return the networks."""
    networks = []

    def convert(network, _frames, _spec, _log):
        networks.append(network)
        return b"%d" % len(networks)

    monkeypatch.setattr(int8_models, "to_int8", convert)
    return networks


def draw_frames():
    """Draw three prepared pictures."""
    return list(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), np.uint8))


def test_the_same_file_frames_and_input_give_the_model_that_there_is(workshop, converted, tmp_path):
    """The one that was judged is the one that is packed."""
    models, path = Int8Models(), RunFolder(workshop.run).model_path
    given = (path, draw_frames(), workshop.spec, tmp_path / "log")
    first = models.make(*given)
    assert models.make(*given, network="at hand") == first
    assert len(converted) == 1
    assert converted[0].count_params() == workshop.network.count_params(), "it was loaded"


def test_whatever_differs_is_converted_anew(workshop, converted, tmp_path):
    """Another file, a pixel of a frame, one frame less, or another input."""
    models, path, log = Int8Models(), tmp_path / "model.keras", tmp_path / "log"
    path.write_bytes(b"one")
    frames, spec = draw_frames(), workshop.spec
    touched = [frames[0] ^ np.uint8(1), *frames[1:]]
    resized = spec.model_copy(update={"height": spec.height + 1})
    models.make(path, frames, spec, log, "a")
    models.make(path, touched, spec, log, "b")
    models.make(path, frames[1:], spec, log, "c")
    models.make(path, frames, resized, log, "d")
    path.write_bytes(b"two")
    models.make(path, frames, spec, log, "e")
    models.make(path, frames, spec, log, "f")
    assert converted == ["a", "b", "c", "d", "e"]
