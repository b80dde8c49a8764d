"""What to do when the machine has too little memory for a lesson."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from export.errors import SlimError


@contextmanager
def told_how_to_save_memory(batch: int) -> Iterator[None]:
    """Say how to go on with less where memory ran out; `batch` pictures were learned at a time."""
    from tensorflow.errors import ResourceExhaustedError

    try:
        yield
    except (MemoryError, ResourceExhaustedError) as error:
        fewer = f"add --batch {batch // 2} to learn fewer than {batch} pictures at a time"
        raise SlimError(
            "there is not enough memory to teach the pruned network: "
            f"{fewer if batch > 1 else 'close other programs'}; the climb goes on where it was"
        ) from error
