"""What a climb down the ladder promises, on a small network with the real interpreter and clock."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_climb import LADDER, Steps, make_run

from export.errors import BudgetError, SlimError
from export.slim.climb import ClimbFolder, list_tasks, read_facts
from export.slim.distil import Lesson
from export.slim.front import pick
from export.slim.ladder import Rung
from training.run_folder import RunFolder

keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    """Return run, data, front and texts of a climb that was cut off twice and gone on with."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path_factory.mktemp("slim"))
    for breaks_after in (5, 12):
        with pytest.raises(KeyboardInterrupt):
            make_slim(run, data, LADDER, Steps(breaks_after), time.perf_counter_ns)
    steps = Steps()
    front = make_slim(run, data, LADDER, steps, time.perf_counter_ns)
    return run, data, front, steps


def test_a_climb_that_was_cut_off_goes_on_where_it_was(climbed):
    """Each rung stands in the front once, each cut once in the record, and no epoch is lost."""
    run, _, front, _ = climbed
    assert {point.name for point in front.points} == {"64-at-75", "32-at-50"}
    state = ClimbFolder(run / "slim").read_state()
    assert state.tasks == len(list_tasks(LADDER))
    rungs = ("64-at-75", "32-at-50")
    steps = ("cut", "recover", "distil")
    assert [one.step for one in state.steps] == [f"{a}, {b}" for a in rungs for b in steps]
    assert state.taught == 6


def test_a_finished_climb_is_only_read(climbed):
    """Asked for again, it gives the same front at once."""
    from export.slim.recipe import make_slim

    run, data, front, _ = climbed
    steps = Steps()
    assert make_slim(run, data, LADDER, steps, time.perf_counter_ns) == front
    assert steps.texts == []


def test_a_folder_of_another_ladder_is_refused(climbed):
    """Its rungs would be taken for those asked for."""
    from export.slim.recipe import make_slim

    run, data, _, _ = climbed
    other = replace(LADDER, rungs=(Rung(64, 0.5),))
    with pytest.raises(SlimError, match="holds 64-at-75, 32-at-50, not 64-at-50"):
        make_slim(run, data, other, Steps(), time.perf_counter_ns)


def test_channels_are_really_gone(climbed):
    """The saved network is narrower than the full one, in whole blocks of eight."""
    run, _, front, _ = climbed
    for point in front.points:
        facts = read_facts(RunFolder((run / "slim" / point.model).parent))
        assert facts.widths == point.widths
        assert sum(facts.widths.values()) < sum(facts.full_widths.values())
        assert all(width % 8 == 0 for width in facts.widths.values())
        network = keras.models.load_model(run / "slim" / point.model, compile=False)
        assert network.get_layer("first_conv").filters == facts.widths["first_conv"]


def test_a_rung_is_a_finished_run_of_its_own_size(climbed):
    """It has thresholds chosen on its own scores, figures, and the lists of the full run."""
    run, _, front, _ = climbed
    full = RunFolder(run)
    for point in front.points:
        rung = RunFolder((run / "slim" / point.model).parent)
        assert rung.read_card().thresholds is not None
        assert rung.read_card().input.height == point.size
        assert rung.read_pictures() == full.read_pictures()
        assert rung.read_json("metrics.json")["test"]["pictures"] == 16


def test_the_smaller_rung_is_the_faster_one(climbed):
    """Of a quarter of the pixels and fewer channels."""
    front = climbed[2]
    small, large = sorted(front.points, key=lambda point: point.size)
    assert small.macs < large.macs / 2
    assert small.p50_ms < large.p50_ms


def test_what_cannot_be_reached_names_the_nearest(climbed):
    """A budget below every point is refused with the fastest one there is."""
    front = climbed[2]
    with pytest.raises(BudgetError, match="32-at-50 takes"):
        pick(front.points, max_latency_ms=1e-6)


def test_the_bundle_of_a_rung_has_the_whole_way_on_its_card(climbed, tmp_path: Path):
    """Full float, full int8, slim float, slim int8, timed on one, two and four threads."""
    from export.pack import ExportOptions, build_bundle

    run, data, _, _ = climbed
    folder = RunFolder(run)
    card = folder.read_card()
    rung = RunFolder(run / "slim" / "64-at-75").read_card()
    folder.write_card(card.model_copy(update={"thresholds": rung.thresholds}))
    options = ExportOptions(
        run=run, data=data, out=tmp_path / "small-0.1.0.lwb", recipe="pruned-int8", ladder=LADDER,
        now_ns=time.perf_counter_ns, force=True,
    )  # fmt: skip
    exported = build_bundle(options, Steps())
    way = exported.card.way
    assert way is not None
    assert [row.name for row in way.rows][:2] == ["full, float", "full, int8"]
    assert way.rows[0].disagreements.count == 0
    assert all(set(row.p50_ms) == {"1", "2", "4"} for row in way.rows)
    assert exported.manifest.recipe == "pruned-int8"


def test_a_network_with_swish_loses_it_before_its_first_rung(tmp_path: Path):
    """And a gate that stands still; it learns anew at that size, and every rung is without them."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path, "silu")
    distil = replace(LADDER.distil, epochs=1)
    ladder = replace(LADDER, rungs=(Rung(32, 0.75),), distil=distil)
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, ladder, Steps(4), time.perf_counter_ns)
    folder = ClimbFolder(run / "slim")
    state = folder.read_state()
    assert state.tasks > 0
    folder.keep(state.model_copy(update={"swish": False}))  # as climbs of old were
    with pytest.raises(SlimError, match="left the network its swish: remove that folder"):
        make_slim(run, data, ladder, Steps(), time.perf_counter_ns)
    folder.keep(state)
    front = make_slim(run, data, ladder, Steps(), time.perf_counter_ns)
    (point,) = front.points
    facts = read_facts(RunFolder((run / "slim" / point.model).parent))
    wanted = [
        "without swish and 1 of 1 gates",
        "32-at-75, cut",
        "32-at-75, recover",
        "32-at-75, distil",
    ]
    assert [one.step for one in facts.steps] == wanted
    network = keras.models.load_model(run / "slim" / point.model, compile=False)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("ReLU") == 3
    assert not {"Activation", "Multiply"} & set(kinds)


def test_a_polished_rung_is_one_of_a_network_that_lost_its_swish(tmp_path: Path):
    """The rungs below go on from it, and so does a climb that was cut off in its lesson."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path, "silu")
    first, second = LADDER.rungs
    ladder = replace(
        LADDER,
        rungs=(first, replace(first, polished=True), second),
        distil=replace(LADDER.distil, epochs=1),
        polish=Lesson("polish", epochs=2, learning_rate=1e-3, from_feature=0.5),
    )
    assert ladder.rungs_of(swish=False) == LADDER.rungs
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, ladder, Steps(4, within="polish"), time.perf_counter_ns)
    steps = Steps()
    front = make_slim(run, data, ladder, steps, time.perf_counter_ns)
    assert steps.texts[0].startswith("64-at-75-polished: polish, 1 epochs")
    polished, source = (
        next(one for one in front.points if one.name == name)
        for name in ("64-at-75-polished", "64-at-75")
    )
    assert polished.widths == source.widths
    facts = read_facts(RunFolder((run / "slim" / "32-at-50" / "model.keras").parent))
    lessons = ("cut", "recover", "distil")
    assert [one.step for one in facts.steps] == [
        "without swish and 1 of 1 gates",
        *(f"64-at-75, {one}" for one in lessons),
        "64-at-75-polished, polish",
        *(f"32-at-50, {one}" for one in lessons),
    ]
    assert make_slim(run, data, ladder, Steps(), time.perf_counter_ns) == front
