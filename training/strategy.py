"""How the work of an epoch is spread: one process, the GPUs of a machine, or several machines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from training.backend import muted_stderr
from training.batches import PictureBatches
from training.cluster import await_workers, read_cluster
from training.errors import OptionError

STRATEGIES = ("none", "mirrored", "multi-worker")


class Strategy(Protocol):
    """Fits and checks a model; all processes that share one take the same steps in step."""

    @property
    def is_chief(self) -> bool:
        """Tell whether this process writes the run folder."""
        ...

    def scope(self) -> AbstractContextManager[Any]:
        """Return the scope that models are built and compiled in."""
        ...

    def share(self, text: str) -> str:
        """Return the chief's text, in every process. All of them must call it."""
        ...

    def align(self, model: Any) -> None:
        """Give the model of every process the weights and the optimizer's state of the chief's."""
        ...

    def fit_epoch(self, model: Any, batches: PictureBatches, callback: Any) -> dict[str, float]:
        """Train one epoch and return its loss and accuracy; the callback sees every step."""
        ...

    def check(self, model: Any, batches: PictureBatches) -> dict[str, float]:
        """Return loss and accuracy over all batches without learning from them."""
        ...


class OneProcess:
    """Keras's own loop on one device."""

    is_chief = True

    def scope(self) -> AbstractContextManager[Any]:
        """Return a scope that does nothing."""
        return nullcontext()

    def share(self, text: str) -> str:
        """Return the text."""
        return text

    def align(self, model: Any) -> None:
        """Leave the model as it is: there is no other."""

    def fit_epoch(self, model: Any, batches: PictureBatches, callback: Any) -> dict[str, float]:
        """Train one epoch by Keras."""
        logs = model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[callback]).history
        return {name: float(values[-1]) for name, values in logs.items()}

    def check(self, model: Any, batches: PictureBatches) -> dict[str, float]:
        """Evaluate by Keras."""
        logs = model.evaluate(batches, verbose=0, return_dict=True)
        return {name: float(value) for name, value in logs.items()}


def open_strategy(name: str, say: Callable[[str], None], clock: Callable[[], float]) -> Strategy:
    """Return the strategy of that name; for several machines, once all of them are there.

    Call it before anything else has made a tensor: TensorFlow joins machines at its start only.
    Raises OptionError for what cannot work here, RunError where a machine does not come.
    """
    if name not in STRATEGIES:
        raise OptionError(f"--strategy {name} is not known; there are {', '.join(STRATEGIES)}")
    if name == "none":
        return OneProcess()
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise OptionError(
            f"--strategy {name} needs Keras's TensorFlow backend, and this is {backend}: "
            "set KERAS_BACKEND=tensorflow, or leave --strategy out"
        )
    cluster = read_cluster() if name == "multi-worker" else None
    from training.distributed import join_workers, mirror_devices

    if cluster is not None:
        await_workers(cluster, say, clock)
    with muted_stderr():
        strategy = mirror_devices() if cluster is None else join_workers(cluster)
        keras.ops.zeros(1)
    return strategy
