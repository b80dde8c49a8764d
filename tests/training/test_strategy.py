"""A strategy that cannot work here is refused in one sentence."""

import time

import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

import keras

from training.errors import OptionError
from training.strategy import OneProcess, open_strategy

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("name", "backend", "message"),
    [
        ("all", "tensorflow", "there are none, mirrored, multi-worker"),
        ("mirrored", "jax", "needs Keras's TensorFlow backend, and this is jax"),
        ("multi-worker", "torch", "KERAS_BACKEND=tensorflow"),
        ("multi-worker", "tensorflow", "environment variable TF_CONFIG"),
    ],
)
def test_what_cannot_be_spread_is_one_sentence(monkeypatch, name, backend, message):
    """An unknown name, another backend, no machines named."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(OptionError, match=message) as caught:
        open_strategy(name, pytest.fail, time.perf_counter)
    assert "\n" not in str(caught.value)


def test_one_process_needs_nobody():
    """Without a strategy there is one chief, which shares with itself, on any backend."""
    strategy = open_strategy("none", pytest.fail, time.perf_counter)
    assert isinstance(strategy, OneProcess)
    assert strategy.is_chief
    assert strategy.share("text") == "text"
