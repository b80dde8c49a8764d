"""A killed measurement goes on, a table of something else is refused, and models run in turn."""

from __future__ import annotations

import itertools
import json

import pytest
from slim_networks import build_branched

from bundle.manifest import InputSpec
from export.errors import SlimError
from export.slim import latency_table
from export.slim.latency_table import (
    WARM_UPS,
    estimate_costs,
    measure_costs,
    measure_in_turn,
    read_costs,
    timing_model,
)
from export.slim.layer_costs import predicted_ms
from export.slim.surgery import widths_of

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")

SPEC = InputSpec(height=16, width=16, channels=3, colour="rgb", frame_height=16, frame_width=16)


@pytest.fixture(scope="module")
def network():
    """Return a network with four groups of channels."""
    return build_branched()


@pytest.fixture
def converted(monkeypatch):
    """Let models be converted at once, into their parameters' count; return what was converted."""
    counts = []

    def convert(model, _spec, _log):
        counts.append(model.count_params())
        return str(model.count_params()).encode()

    monkeypatch.setattr(latency_table, "timing_model", convert)
    return counts


def by_size(models):
    """Return times in proportion to the parameters."""
    return [int(model) / 100 for model in models]


def breaking_after(count):
    """Return a measurement that is killed when it is asked once too often."""
    asked = itertools.count(1)

    def measure(models):
        if next(asked) > count:
            raise KeyboardInterrupt
        return by_size(models)

    return measure


def test_each_group_is_measured_between_two_runs_of_the_whole(network, converted, tmp_path):
    """Once at half of its width; the whole model is converted once only."""
    asked = []

    def measure(models):
        asked.append(models)
        return by_size(models)

    costs = measure_costs(network, SPEC, measure, tmp_path / "latency.json")
    widths, whole = widths_of(network), network.count_params()
    assert len(asked) == len(widths)
    assert all(int(before) == int(after) == whole for before, _, after in asked)
    assert all(int(slimmer) < whole for _, slimmer, _ in asked)
    assert len(converted) == 1 + len(widths)
    assert costs.base_ms == pytest.approx(whole / 100)
    assert predicted_ms(costs, {}) == pytest.approx(costs.base_ms)
    assert dict(costs.widths) == widths


def test_a_killed_measurement_goes_on_from_its_file(network, converted, tmp_path):
    """What was read stays; only the rest is measured; the costs are those of one go."""
    path, told = tmp_path / "latency.json", []
    with pytest.raises(KeyboardInterrupt):
        measure_costs(network, SPEC, breaking_after(2), path)
    count = len(widths_of(network))
    with pytest.raises(SlimError, match=f"lacks {count - 2} readings .*: start the measurement"):
        read_costs(path)
    asked = breaking_after(count - 2)
    costs = measure_costs(network, SPEC, asked, path, tell=lambda *words: told.append(words))
    assert [(done, total) for _, done, total in told] == [(n, count) for n in range(2, count)]
    assert costs == measure_costs(network, SPEC, by_size, tmp_path / "whole.json")
    converted.clear()
    assert measure_costs(network, SPEC, breaking_after(0), path) == costs == read_costs(path)
    assert converted == []


def test_without_each_group_one_convolution_is_timed_once(network, converted, tmp_path):
    """The costs follow from the work; asked again, nothing is converted or measured."""
    path = tmp_path / "latency.json"
    costs = estimate_costs(network, SPEC, by_size, path)
    assert len(converted) == 1
    assert converted[0] != network.count_params()
    twice = estimate_costs(network, SPEC, lambda models: [2 * by_size(models)[0]], tmp_path / "b")
    assert twice.base_ms == pytest.approx(2 * costs.base_ms)
    converted.clear()
    saved = costs.saved_per_channel()
    assert set(saved) == set(widths_of(network))
    assert min(saved.values()) > 0.0
    assert estimate_costs(network, SPEC, breaking_after(0), path) == costs == read_costs(path)
    assert converted == []


def test_the_time_of_a_network_is_that_of_its_work(network, tmp_path):
    """A real convolution is timed, and twice the picture is four times the work."""

    def measure(models):
        return measure_in_turn(models, itertools.count(0, 1_000_000).__next__, runs=1)

    spec = SPEC.model_copy(update={"height": 32, "width": 32})
    wide = estimate_costs(build_branched(32), spec, measure, tmp_path / "wide.json")
    costs = estimate_costs(network, SPEC, measure, tmp_path / "latency.json")
    assert 0.0 < costs.base_ms < 1.0, "a millisecond is what the clock says of the convolution"
    assert wide.base_ms == pytest.approx(4 * costs.base_ms, rel=0.1)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("machine", {"cpu": "another"}, "another machine: remove it, or use its machine"),
        ("shape", [32, 32, 3], "another network: remove it, or use its network"),
        ("shares", [0.25], "another set of shares"),
        ("more", 1, "is wrong: .*more"),
        ("whole_ms", 0.0, "is wrong: .*whole_ms"),
        ("widths", {}, "a layer names a group that has no width"),
    ],
)
def test_a_table_of_something_else_is_refused(network, converted, tmp_path, key, value, words):
    """Its times would be taken for this network's on this machine."""
    path = tmp_path / "latency.json"
    estimate_costs(network, SPEC, by_size, path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, key: value}))
    with pytest.raises(SlimError, match=words):
        estimate_costs(network, SPEC, by_size, path)


def test_a_reading_of_no_group_is_refused(network, converted, tmp_path):
    """So is one that is not narrower than its group."""
    path = tmp_path / "latency.json"
    measure_costs(network, SPEC, by_size, path)
    content = json.loads(path.read_text())
    for change in ({"group": "none"}, {"kept": 99}):
        reading = {**content["readings"][0], **change}
        path.write_text(json.dumps({**content, "readings": [reading]}))
        with pytest.raises(SlimError, match="a reading is not of a group made narrower"):
            read_costs(path)


def test_a_table_that_is_not_there_or_cannot_be_written_is_told(network, converted, tmp_path):
    """Each in one sentence, with the path."""
    with pytest.raises(SlimError, match=r"cannot read the latency table .*none\.json: No such"):
        read_costs(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(SlimError, match="file"):
        estimate_costs(network, SPEC, by_size, tmp_path / "file" / "latency.json")


def test_models_run_in_turn_to_and_fro(monkeypatch):
    """The first runs first, then last; its warm-ups do not count."""
    order, clock = [], itertools.count(0, 1_000_000)
    last_ns = 0

    class Model:
        def __init__(self, model, threads):
            self.name, self.threads = model, threads

        def invoke(self):
            nonlocal last_ns
            order.append((self.name, self.threads))
            last_ns += 2_000_000 if self.name == b"slow" else 1_000_000

    def now_ns():
        # A first turn costs extra, as caches are cold then.
        return last_ns + (next(clock) * 50 if len(order) < 2 * WARM_UPS else 0)

    monkeypatch.setattr(latency_table, "FlatbufferModel", Model)
    times_ms = measure_in_turn((b"fast", b"slow"), now_ns, runs=4, threads=2)
    assert times_ms == (1.0, 2.0)
    pair = [(b"fast", 2), (b"slow", 2)]
    assert order[:4] == [*pair, *reversed(pair)]
    assert len(order) == 2 * (WARM_UPS + 4)


def test_the_real_model_for_timing_runs(network, tmp_path):
    """A made-up picture is enough to convert it to int8; it is timed with the clock given."""
    model = timing_model(network, SPEC, tmp_path / "latency.log")
    ticks = itertools.count(0, 3_000_000)
    assert measure_in_turn((model, model), lambda: next(ticks), runs=2) == (3.0, 3.0)
