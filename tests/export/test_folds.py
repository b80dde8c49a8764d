"""The card's expectation for new parts comes from every fold of one split, once each."""

import pytest
from run_folders import figures, write_run

from export.errors import ExportError
from export.folds import predict_interval, read_folds


def folds(tmp_path, *wrong):
    """Write three folds with so many mistakes each; return their paths."""
    return [
        write_run(
            tmp_path / f"fold{number}", fold=(number, 3), test=figures(100 - each, each, 5, 95)
        )
        for number, each in enumerate(wrong, start=1)
    ]


def test_every_fold_counts_once(tmp_path):
    """Mean and spread of accuracy and recall over the folds."""
    found = read_folds(folds(tmp_path, 0, 10, 5))
    assert (found.folds, found.seed) == (3, 7)
    assert found.recall.values == pytest.approx((1.0, 0.9, 0.95))
    assert found.recall.mean == pytest.approx(0.95)
    assert found.recall.low < 0.9 < found.recall.high <= 1.0
    assert found.accuracy.mean == pytest.approx(0.95)


def test_a_missing_fold_is_refused(tmp_path):
    """Two of three would be a choice among the figures."""
    with pytest.raises(ExportError, match="give every fold once"):
        read_folds(folds(tmp_path, 0, 10, 5)[:2])


def test_a_run_of_another_split_is_refused(tmp_path):
    """Folds belong together by network, data, seed and number."""
    paths = folds(tmp_path, 0, 10)
    paths.append(
        write_run(tmp_path / "other", "mobilenet_v2", fold=(3, 3), test=figures(9, 1, 1, 9))
    )
    with pytest.raises(ExportError, match="other is no fold of the split"):
        read_folds(paths)


def test_a_run_without_a_part_safe_test_is_refused(tmp_path):
    """Folders as given leak: they say nothing about new parts."""
    with pytest.raises(ExportError, match="no part-safe test figures"):
        read_folds([write_run(tmp_path / "leaky", test=figures(9, 1, 1, 9))])


def test_the_interval_is_of_one_more_value():
    """Student's t with n + 1: wider than that of the mean, and held within what is possible."""
    low, high = predict_interval([0.5, 0.52, 0.54])
    assert low == pytest.approx(0.52 - 4.303 * 0.02 * (4 / 3) ** 0.5, abs=1e-3)
    assert high == pytest.approx(0.52 + 4.303 * 0.02 * (4 / 3) ** 0.5, abs=1e-3)
    assert predict_interval([0.9, 1.0]) == (0.0, 1.0)
    assert predict_interval([0.9]) == (0.0, 1.0)
