"""What is heard of a network is what it computes, picture by picture, with a graph or without."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

import keras
from slim_networks import build_narrow, draw_pictures

from export.listening import listen

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.mark.parametrize("count", [1, 8, 11, 35])
@pytest.mark.parametrize("tensors", [1, 3])
def test_every_picture_is_heard_once_and_in_order(count, tensors):
    """In batches of eight at most, so that as much is drawn from each, few pictures or many."""
    network = build_narrow("cnn")
    heard_of = [layer.output for layer in network.layers[-tensors:]]
    pictures = draw_pictures(network, 2, count=count).astype(np.uint8)
    batches = list(listen(network, heard_of, list(pictures)))
    assert all(len(batch) == tensors for batch in batches)
    assert [len(batch[0]) for batch in batches][:-1] == [8] * (len(batches) - 1)
    for place, tensor in enumerate(heard_of):
        wanted = keras.Model(network.input, tensor)(pictures.astype(np.float32), training=False)
        heard = np.concatenate([batch[place] for batch in batches])
        np.testing.assert_allclose(heard, np.asarray(wanted), rtol=1e-4, atol=1e-4)
