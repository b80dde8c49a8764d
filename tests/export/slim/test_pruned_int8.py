"""What is left of a network of the catalogue runs in int8, and says what it says in float."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import SPEC, build_narrow, draw_pictures, run_network, shake_for

from export.operators import check_quantized
from export.quantize import to_int8
from export.runtime import FlatbufferModel
from export.slim.plain import without_swish
from export.slim.surgery import keep_channels, widths_of

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")

_GRAIN = 8  # channels: what the kernels for int8 take at once


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_half_of_the_channels_say_the_same_in_int8(name, tmp_path):
    """On pictures that set no range; the network with all channels says something else."""
    network = build_narrow(name)
    if name == "efficientnet_b0":
        network = without_swish(network)  # as the ladder begins with it
    keep = _keep_half(network, seed=2)
    shake_for(network, keep, seed=2)
    pruned = keep_channels(network, keep)
    assert widths_of(pruned) == {group: len(channels) for group, channels in keep.items()}

    frames = _draw_frames(pruned, seed=12, count=48)
    frames[0, 0, 0], frames[0, 0, 1] = 0, 255
    quantized = to_int8(pruned, list(frames), SPEC, tmp_path / "log")
    check_quantized(quantized, SPEC, 2)
    model = FlatbufferModel(quantized)

    shown = _draw_frames(pruned, seed=22, count=64)
    logits = np.array([model.logits(one) for one in shown])
    wanted, full = (run_network(one, shown.astype(np.float32)) for one in (pruned, network))
    assert logits.shape == wanted.shape == (64, 2)
    assert np.isfinite(logits).all()
    # In some fifty layers of random weights what rounding adds grows: 0.9 of 1 is left. Of a
    # network one layer of which has its channels in a wrong order 0.4 and less is.
    assert _agreement(logits, wanted) > 0.75
    assert abs(_agreement(full, wanted)) < 0.5
    away = np.sqrt(((logits - wanted) ** 2).mean(axis=0))
    assert (away < 0.75 * wanted.std(axis=0)).all()


def _keep_half(network, seed):
    """Draw half of each group's channels, in grains as far as there are two of them."""
    random = np.random.default_rng(seed)
    kept = {}
    for group, width in widths_of(network).items():
        count = _GRAIN * round(width / 2 / _GRAIN) if width >= 2 * _GRAIN else (width + 1) // 2
        kept[group] = np.sort(random.choice(width, count, replace=False))
    return kept


def _draw_frames(network, seed, count):
    """Draw pictures from nearly black to full light."""
    light = np.random.default_rng(seed).uniform(0.1, 1.0, (count, 1, 1, 1))
    return (draw_pictures(network, seed, count) * light).astype(np.uint8)


def _agreement(ours, theirs):
    """Return the correlation of by how much the first label leads."""
    return np.corrcoef(ours[:, 0] - ours[:, 1], theirs[:, 0] - theirs[:, 1])[0, 1]
