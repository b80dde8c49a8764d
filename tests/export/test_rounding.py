"""Rounding with the flow in mind is never worse than to the nearest step, and stays on the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

import keras
from slim_networks import build_narrow, draw_pictures, shake_weights

from export.rounding import choose_steps, round_by_flow

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def _loss(exact, steps, moments):
    rest = exact - steps
    return np.einsum("gio,gij,gjo->go", rest, moments, rest)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 12), st.integers(1, 4))
def test_no_output_is_further_off_than_by_the_nearest_steps(seed, groups, weights, outputs):
    """Whatever the weights and the flow are; the steps are whole, small, and the top one stays."""
    random = np.random.default_rng(seed)
    exact = random.normal(size=(groups, weights, outputs))
    exact *= 127 / np.abs(exact).max(axis=1, keepdims=True)
    flow = random.normal(random.uniform(0, 5), 1, (groups, 40, weights))
    moments = np.einsum("gpi,gpj->gij", flow, flow)
    steps = choose_steps(exact, moments)
    nearest = _loss(exact, np.rint(exact), moments)
    assert (_loss(exact, steps, moments) <= nearest * (1 + 1e-9) + 1e-9).all()
    assert (steps == np.rint(steps)).all()
    assert (np.abs(steps) <= 127).all()
    top = np.abs(exact) >= 127 - 1e-6
    assert (np.abs(steps[top]) == 127).all()


def test_weights_that_cancel_still_cancel():
    """An edge kernel on a bright flow: its rounded weights add up to what the exact ones do."""
    exact = np.array([[10.4, -127.0, 10.4, 10.4, 75.4, 10.4, 10.4, 10.4, -10.8]]).T[None]
    bright = np.ones((9, 9)) * 100 + np.eye(9)
    nearest, chosen = np.rint(exact).sum(), choose_steps(exact, bright[None]).sum()
    assert abs(nearest - exact.sum()) > 2
    assert abs(chosen - exact.sum()) < 0.5


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0", "cnn"])
def test_kernels_lie_on_the_steps_that_the_converter_will_find(name):
    """One scale per output channel, its largest weight 127 steps; the given one is left alone."""
    network = build_narrow(name)
    shake_weights(network, 1)
    before = [weight.copy() for weight in network.get_weights()]
    frames = list(draw_pictures(network, 2).astype(np.uint8))
    rounded = round_by_flow(network, frames)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for layer in rounded.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel).astype(np.float64)
            deep = isinstance(layer, keras.layers.DepthwiseConv2D)
            axes = (0, 1, 3) if deep else tuple(range(kernel.ndim - 1))
            scale = np.abs(kernel).max(axis=axes, keepdims=True) / 127
            steps = kernel / np.where(scale == 0, 1, scale)
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
