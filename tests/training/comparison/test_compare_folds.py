"""Folds of one network with one recipe become one row: means, t intervals, sums of counts."""

import math

import pytest
from run_folders import figures, write_run

from training.comparison.folds import join_runs, t_interval
from training.comparison.read import read_runs


def _runs(tmp_path, *, folds=(1, 2, 3), of=3, **more):
    sides = [figures(90 + n, 10 - n, n, 100 - n, parts=(30, n, 20, 1)) for n in (1, 3, 8)]
    paths = [
        write_run(tmp_path / f"run-{place}", test=side, fold=(fold, of), **more)
        for place, (fold, side) in enumerate(zip(folds, sides, strict=False))
    ]
    return read_runs(paths)


def test_three_folds_become_a_mean_and_sums(tmp_path):
    """Metrics are means over folds; counts add up, since each part is tested once."""
    (entry,) = join_runs(_runs(tmp_path))
    assert entry.split_label == "part-safe, all 3 folds"
    accuracy = entry.test.metrics["accuracy"]
    assert accuracy.value == pytest.approx((190 / 200 + 190 / 200 + 190 / 200) / 3)
    recall = entry.test.metrics["recall"]
    assert recall.value == pytest.approx((0.91 + 0.93 + 0.98) / 3)
    assert recall.basis == "folds"
    assert recall.low < recall.value < recall.high
    assert (entry.test.pictures, entry.test.confusion.fn, entry.test.confusion.fp) == (600, 18, 12)
    parts = entry.test.line.parts
    assert (parts.defective, parts.escaped, parts.good, parts.rejected) == (90, 12, 60, 3)
    assert parts.recall.value == pytest.approx(78 / 90)
    assert parts.recall.basis == "parts"
    assert entry.validation.value == pytest.approx(79 / 81)


def test_folds_stand_in_order_and_gaps_are_named(tmp_path):
    """Two of three folds, given the wrong way round."""
    (entry,) = join_runs(_runs(tmp_path, folds=(3, 1)))
    assert [run.split.fold for run in entry.runs] == [1, 3]
    assert entry.split_label == "part-safe, folds 1, 3 of 3"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"network": "cnn"}, {"network": "mlp_mixer"}),
        ({"seed": 0}, {"seed": 1}),
        ({"size": 224}, {"size": 160}),
        ({"fingerprint": "1" * 64}, {"fingerprint": "3" * 64}),
        ({"fold": (1, 3)}, {"fold": (2, 4)}),
        ({"fold": (1, 3)}, {"fold": (1, 3)}),
        ({"fold": None}, {"fold": None}),
        ({}, {"test": None}),
        ({}, {"finished": False}),
    ],
)
def test_what_differs_is_not_joined(tmp_path, first, second):
    """Other networks, recipes, sizes, data or divisions, the same fold twice, or no figures."""
    common = {"test": figures(9, 1, 0, 10)}
    paths = [
        write_run(tmp_path / "a", **{**common, "fold": (1, 3), **first}),
        write_run(tmp_path / "b", **{**common, "fold": (2, 3), **second}),
    ]
    assert len(join_runs(read_runs(paths))) == 2


def test_a_figure_that_one_fold_lacks_is_left_out(tmp_path):
    """A mean over fewer folds than named would be another figure."""
    paths = [
        write_run(tmp_path / "a", test=figures(9, 1, 0, 10, parts=(3, 0, 3, 0)), fold=(1, 2)),
        write_run(tmp_path / "b", test=figures(0, 0, 0, 10, recall=None), fold=(2, 2)),
    ]
    (entry,) = join_runs(read_runs(paths))
    assert "recall" not in entry.test.metrics
    assert "accuracy" in entry.test.metrics
    assert entry.test.line.parts is None


def test_the_t_interval_is_students(tmp_path):
    """Held against the definition, with the quantile for two degrees of freedom."""
    values = [0.97, 0.98, 0.99]
    low, high = t_interval(values)
    half = 4.303 * 0.01 / math.sqrt(3)
    assert (low, high) == pytest.approx((0.98 - half, min(1.0, 0.98 + half)))


def test_quantiles_are_those_of_a_library():
    """The table of quantiles, for every number of folds."""
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    for count in range(2, 33):
        values = [0.5, 0.6] * (count // 2) + [0.55] * (count % 2)
        low, high = t_interval(values)
        spread = stats.tstd(values) / math.sqrt(count)
        expected = stats.t.interval(0.95, count - 1, sum(values) / count, spread)
        tolerance = 1e-3 if count < 31 else 5e-3
        assert (low, high) == pytest.approx(
            [max(0, expected[0]), min(1, expected[1])], rel=tolerance
        )


def test_no_spread_is_no_interval():
    """One fold, or folds that agree, show no spread; that is not said to be certainty."""
    assert t_interval([0.9]) is None
    assert t_interval([0.9, 0.9, 0.9]) is None
    assert t_interval([0.999, 0.95])[1] == 1.0
