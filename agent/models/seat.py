"""Who judges: one model at a time, swapped between two parts."""

from __future__ import annotations

from collections.abc import Callable

from agent.active_model import ActiveModel
from agent.clock import Clock
from agent.wall_time import iso_time


class Seat:
    """The place of the model that judges. One thread swaps, the inspection lane reads `current`.

    That lane asks anew for each part, so that one assignment swaps between two parts. The model
    before may be in use at that moment: it is closed once the lane has come round after the swap,
    by the time that `came_round_ns` gives.
    """

    def __init__(self, came_round_ns: Callable[[], int], clock: Clock) -> None:
        self._came_round_ns = came_round_ns
        self._clock = clock
        self._retired: list[tuple[ActiveModel, int]] = []
        self.current: ActiveModel | None = None
        self.since_ns = clock.now_ns()
        self.since = iso_time(clock.wall_ns())

    @property
    def title(self) -> str:
        """Return name and version of the model; empty while every part is rejected."""
        model = self.current
        return model.title if model is not None else ""

    @property
    def sha256(self) -> str:
        """Return the hash of the model's bundle; empty while every part is rejected."""
        model = self.current
        return model.sha256 if model is not None else ""

    def swap(self, model: ActiveModel | None) -> None:
        """Let a model judge from the next part on, or none."""
        old = self.current
        if old is model:
            return
        self.current = model
        self.since_ns = self._clock.now_ns()
        self.since = iso_time(self._clock.wall_ns())
        if old is not None:
            self._retired.append((old, self.since_ns))

    def close_retired(self) -> None:
        """Close old models which no part uses any more."""
        round_ns = self._came_round_ns()
        for model, swapped_ns in self._retired:
            if round_ns > swapped_ns:
                model.close()
        self._retired = [one for one in self._retired if round_ns <= one[1]]

    def close(self) -> None:
        """Close every model, once no lane judges any more."""
        for model, _ in self._retired:
            model.close()
        self._retired = []
        if self.current is not None:
            self.current.close()
