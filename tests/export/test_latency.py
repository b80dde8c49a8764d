"""Latency is measured with the clock that is given, in turn."""

from __future__ import annotations

import itertools
from dataclasses import asdict

from export import latency


class Counted:
    """Stands in for a model and writes down when it ran."""

    order: list[bytes]

    def __init__(self, model: bytes) -> None:
        self._model = model

    def invoke(self) -> None:
        self.order.append(self._model)


def test_both_models_run_in_turn_and_medians_come_from_the_clock(monkeypatch):
    """The clock's steps of 2 ms are the medians; warming up is not measured."""
    Counted.order = []
    monkeypatch.setattr(latency, "FlatbufferModel", Counted)
    times = itertools.count(0, 2_000_000)
    found = latency.measure_latency(b"float", b"int8", lambda: next(times), runs=3)
    assert (found.float_ms, found.int8_ms, found.runs, found.threads) == (2.0, 2.0, 3, 1)
    assert Counted.order == [b"float", b"int8"] * (3 + latency.WARM_UPS)
    assert asdict(found)["machine"]
