"""Shares of a batch add up to the batch, whatever its length and the number of replicas."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

from bundle.manifest import InputSpec
from training.batches import PictureBatches, class_weights
from training.dataset import read_index
from training.shares import READ_AHEAD, read_ahead, read_share, share_rows

pytestmark = pytest.mark.train

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


@given(count=st.integers(1, 70), shares=st.integers(1, 9))
def test_every_row_is_in_one_share_and_all_are_equally_long(count, shares):
    """What fills a share up are rows of the same batch, after its own."""
    given_rows = [share_rows(count, share, shares) for share in range(shares)]
    assert [row for rows, own in given_rows for row in rows[:own]] == list(range(count))
    assert len({len(rows) for rows, _ in given_rows}) == 1
    assert all(0 <= row < count for rows, _ in given_rows for row in rows)


@pytest.mark.parametrize("shares", [1, 2, 3, 7])
def test_the_shares_of_a_short_batch_weigh_what_the_batch_weighs(data, shares):
    """Summed over the shares, weighted truths are the mean over the batch, classes balanced."""
    pictures = read_index(data, "train").pictures[:37]
    weights = class_weights(pictures, ("bad", "ok"))
    batches = PictureBatches(data, pictures, SPEC, ("bad", "ok"), batch=16, weights=weights)
    for step in range(len(batches)):
        inputs, truths, weigh = batches[step]
        parts = [read_share(batches, step, share, shares) for share in range(shares)]
        summed = sum((part[1] * part[2][:, None]).sum(axis=0) for part in parts)
        np.testing.assert_allclose(summed, (truths * weigh[:, None]).mean(axis=0), rtol=1e-5)
        assert sum(int(part[1].sum()) for part in parts) == len(inputs)
        shown = {row.tobytes() for part in parts for row in part[0]}
        assert shown == {row.tobytes() for row in inputs}


def test_reading_ahead_keeps_the_order_and_its_bound():
    """Threads may end in any order; no more than a queue of batches is in memory."""
    started, gate = [], threading.Event()

    def read(step):
        started.append(step)
        gate.wait(20)
        return step

    items = read_ahead(read, 40, 4)
    gate.set()
    assert next(items) == 0
    assert len(started) <= READ_AHEAD + 1
    assert list(items) == list(range(1, 40))


def test_a_fault_while_reading_ahead_comes_out_and_leaves_no_thread():
    """The error of a picture reaches the training; the rest is not read."""

    def read(step):
        if step == 3:
            raise OSError("gone")
        return step

    items = read_ahead(read, 1000, 2)
    with pytest.raises(OSError, match="gone"):
        list(items)
    assert not [each for each in threading.enumerate() if each.name.startswith("pictures")]
