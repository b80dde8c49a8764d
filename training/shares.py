"""A replica's rows of every global batch, all shares equally long, read ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from training.batches import Batch, PictureBatches

READ_AHEAD = 8  # batches, as Keras's own queue holds

_Item = TypeVar("_Item")


def share_rows(count: int, share: int, shares: int) -> tuple[list[int], int]:
    """Return the rows of a batch of `count` that are one share, and how many of them are its own.

    All replicas must hold the same number of rows. Where there are too few, rows of the others
    fill up: real pictures, so that batch statistics stay those of pictures.
    """
    length = -(-count // shares)
    first = share * length
    own = max(0, min(count - first, length))
    return [row % count for row in range(first, first + length)], own


def read_share(batches: PictureBatches, step: int, share: int, shares: int) -> Batch:
    """Return one share of a batch; what fills it up has no truth and no weight, so counts nowhere.

    The weights are divided by the number of pictures of the whole batch: the sum over all shares
    is then the mean that one process would have computed.
    """
    count = batches.count(step)
    rows, own = share_rows(count, share, shares)
    inputs, truths, weights = batches.rows(step, rows)
    truths[own:] = 0.0
    weights[own:] = 0.0
    return inputs, truths, weights / np.float32(count)


def read_ahead(read: Callable[[int], _Item], steps: int, workers: int) -> Iterator[_Item]:
    """Give `read(0)`, `read(1)` and so on, in order, read by threads before they are asked for."""
    waiting: deque[Future[_Item]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
    try:
        for step in range(steps):
            waiting.append(pool.submit(read, step))
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
