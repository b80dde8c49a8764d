"""What a climb down the ladder promises, on a small network with the real interpreter and clock."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_climb import LADDER, Steps, make_run

from export.errors import BudgetError, SlimError
from export.slim.climb import ClimbFolder, list_tasks, read_facts
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


def test_a_climb_from_another_network_is_refused(climbed):
    """The run was trained anew: its slim networks are those of the one before."""
    from export.slim.recipe import make_slim

    run, data, _, _ = climbed
    folder = ClimbFolder(run / "slim")
    state = folder.read_state()
    folder.keep(state.model_copy(update={"source": "0" * 64}))
    with pytest.raises(SlimError, match="from another network than the run has now: remove"):
        make_slim(run, data, LADDER, Steps(), time.perf_counter_ns)
    folder.keep(state)


def test_the_ladder_ends_above_a_rung_that_no_cut_reaches(climbed, tmp_path: Path):
    """What was reached stays, and the reason is said; a first rung out of reach is an error."""
    from export.slim.recipe import make_slim

    run, data, front, _ = climbed
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    folder = ClimbFolder(copy / "slim")
    far = replace(LADDER, rungs=(*LADDER.rungs, Rung(32, 0.01)))
    names = tuple(rung.name for rung in far.rungs)
    folder.keep(folder.read_state().model_copy(update={"rungs": names}))
    steps = Steps()
    assert make_slim(copy, data, far, steps, time.perf_counter_ns).points == front.points
    assert steps.texts[-1].startswith("The ladder ends above 32-at-1: no cut in this step reaches")
    shutil.rmtree(copy / "slim")
    with pytest.raises(BudgetError, match="no cut in this step reaches"):
        make_slim(copy, data, replace(far, rungs=(Rung(32, 0.01),)), Steps(), time.perf_counter_ns)


def test_a_lesson_without_memory_says_how_to_go_on(climbed, monkeypatch, tmp_path: Path):
    """Half as many pictures at a time, and nothing is lost."""
    from tensorflow.errors import ResourceExhaustedError

    from export.slim import recipe

    run, data, _, _ = climbed
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("slim"))

    def fail(*args, **kwargs):
        raise ResourceExhaustedError(None, None, "OOM when allocating tensor")

    with monkeypatch.context() as patch:
        patch.setattr(recipe, "teach", fail)
        with pytest.raises(SlimError, match=r"not enough memory .* add --batch 8 to learn fewer"):
            recipe.make_slim(copy, data, LADDER, Steps(), time.perf_counter_ns)
    assert ClimbFolder(copy / "slim").read_state().tasks == 1
    fewer = replace(LADDER, batch=8)
    front = recipe.make_slim(copy, data, fewer, Steps(), time.perf_counter_ns, until="64-at-75")
    assert [point.name for point in front.points] == ["64-at-75"]


def test_what_cannot_be_reached_names_the_nearest(climbed):
    """A budget below every point is refused with the fastest one there is."""
    front = climbed[2]
    with pytest.raises(BudgetError, match="32-at-50 takes"):
        pick(front.points, max_latency_ms=1e-6)


def test_the_bundle_of_a_rung_has_the_whole_way_on_its_card(climbed, tmp_path: Path):
    """Full float, full int8, slim float, slim int8, timed on one, two and four threads."""
    from export.options import ExportOptions
    from export.pack import build_bundle

    run, data, _, _ = climbed
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


@pytest.fixture(scope="module")
def calmed(tmp_path_factory):
    """Return run, data and climb folder of a network with swish, cut off while it relearned."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path_factory.mktemp("calmed"), "silu")
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, LADDER, Steps(5, within="relearn"), time.perf_counter_ns)
    return run, data, ClimbFolder(run / "slim")


def test_a_climb_that_left_a_network_its_swish_is_refused(calmed):
    """As climbs of old did."""
    from export.slim.recipe import make_slim

    run, data, folder = calmed
    state = folder.read_state()
    folder.keep(state.model_copy(update={"swish": False}))
    with pytest.raises(SlimError, match="left the network its swish: remove that folder"):
        make_slim(run, data, LADDER, Steps(), time.perf_counter_ns)
    folder.keep(state)


def test_a_network_with_swish_loses_it_before_its_first_rung(calmed):
    """And a gate that stands still; every rung is without them, with the lessons that are its."""
    from export.slim.recipe import make_slim

    run, data, _ = calmed
    steps = Steps()
    front = make_slim(run, data, LADDER, steps, time.perf_counter_ns)
    assert steps.texts[0].startswith("64-at-75: relearn, 1 epochs")
    assert {point.name for point in front.points} == {"64-at-75", "32-at-50"}
    facts = read_facts(RunFolder(run / "slim" / "32-at-50"))
    assert [one.step for one in facts.steps] == [
        "without swish and 1 of 1 gates",
        *(f"{rung}, {one}" for rung in ("64-at-75", "32-at-50") for one in ("cut", "distil")),
    ]
    for point in front.points:
        network = keras.models.load_model(run / "slim" / point.model, compile=False)
        kinds = [type(layer).__name__ for layer in network.layers]
        assert kinds.count("ReLU") == 3
        assert not {"Activation", "Multiply"} & set(kinds)
