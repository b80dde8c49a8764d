"""What a hasty climb promises: everything once, nothing kept, few pictures of each label."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_climb import Steps, make_run

from bundle.archive import open_archive
from export.convert import load_network
from export.slim.climb import ClimbFolder, ClimbState, read_facts
from export.slim.front import read_front
from export.slim.ladder import FULL, QUICK
from export.slim.plain import has_swish
from training.comparison.cost import count_macs
from training.pipeline import read_job
from training.run_folder import RunFolder

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_a_quick_climb_does_everything_once(tmp_path: Path, monkeypatch):
    """Channels go, the test side is left alone, and the int8 model that was judged is packed."""
    from export import int8_models
    from export.options import ExportOptions
    from export.pack import build_bundle

    made = []

    def convert(*given):
        made.append(to_int8(*given))
        return made[-1]

    to_int8 = int8_models.to_int8
    monkeypatch.setattr(int8_models, "to_int8", convert)
    data, run = make_run(tmp_path, "silu")
    out = tmp_path / "small-0.1.0.lwb"
    options = ExportOptions(
        run=run, data=data, out=out, recipe="pruned-int8", ladder=QUICK,
        now_ns=time.perf_counter_ns, force=True,
    )  # fmt: skip
    exported = build_bundle(options, Steps())
    folder = ClimbFolder(run / QUICK.folder)
    (point,) = read_front(folder.front).points
    rung = folder.rung(point.name)
    facts = read_facts(rung)
    assert sum(facts.widths.values()) < sum(facts.full_widths.values())
    assert [one.step for one in facts.steps] == [
        f"{point.name}, {one}" for one in ("cut", "recover", "distil")
    ]
    whole = load_network(RunFolder(run).model_path, tmp_path / "log")
    assert facts.steps[0].macs <= 0.5 * count_macs(whole).macs
    assert has_swish(whole)
    assert not has_swish(load_network(rung.model_path, tmp_path / "log"))
    assert rung.read_json("metrics.json")["test"] is None
    assert open_archive(out).model == made[0]
    assert len(made) == 1
    assert {one.name for one in exported.card.parity.sets} == {"validation", "test"}


def test_a_quick_climb_that_was_killed_is_begun_anew(tmp_path: Path):
    """It keeps nothing on its way; what an earlier version kept there counts for nothing."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path)
    folder = ClimbFolder(run / QUICK.folder)
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, QUICK, Steps(breaks_after=2), time.perf_counter_ns)
    assert not folder.work.exists()
    left = ClimbState(rungs=tuple(rung.name for rung in QUICK.rungs), tasks=3, taught=1)
    folder.keep(left, load_network(RunFolder(run).model_path, tmp_path / "log"))
    (point,) = make_slim(run, data, QUICK, Steps(), time.perf_counter_ns).points
    facts = read_facts(folder.rung(point.name))
    assert [one.step for one in facts.steps] == [
        f"{point.name}, {one}" for one in ("cut", "recover", "distil")
    ]
    assert sum(facts.widths.values()) < sum(facts.full_widths.values())


def test_a_quick_climb_checks_few_validation_pictures_of_each_label_alike(tmp_path: Path):
    """Where one is rare an even choice would have none of it, and no threshold could be found."""
    data, run = make_run(tmp_path)
    job = read_job(data, RunFolder(run))
    short = replace(QUICK, checked=6).shorten(job)
    assert sorted(one.label for one in short.split.validation) == ["bad"] * 3 + ["ok"] * 3
    assert set(short.split.validation) < set(job.split.validation)
    assert short.split.training == job.split.training
    assert FULL.shorten(job) is job
