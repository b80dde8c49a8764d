"""A budget is met with the least important channels, in whole blocks, or the nearest is named."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.errors import BudgetError, SlimError
from export.slim.budget import choose_keep, level_groups
from export.slim.layer_costs import Costs, LayerCost, LayerWork, costs_by_work, predicted_ms


def make_costs(widths, works, rest=20.0):
    """Return costs of 10 ms; each group has a layer of its own, and one with the next group."""
    names = list(widths)
    layers = [LayerWork(name=name, groups=(name,), work=works[name]) for name in names]
    layers += [
        LayerWork(name=f"{one}-{other}", groups=(one, other), work=works[one])
        for one, other in itertools.pairwise(names)
    ]
    layers.append(LayerWork(name="rest", groups=(), work=rest))
    return costs_by_work(layers, widths, 10.0, {})


@st.composite
def tasks(draw):
    """Draw importances, costs, widths, and the rules of a cut."""
    names = "abcd"[: draw(st.integers(1, 4))]
    widths = {name: draw(st.integers(1, 40)) for name in names}
    works = {name: draw(st.sampled_from([0.0, 5.0, 40.0, 300.0])) for name in names}
    seed, ties = draw(st.integers(0, 99)), draw(st.booleans())
    random = np.random.default_rng(seed)
    importance = {
        name: random.integers(0, 3, width).astype(float) if ties else random.random(width)
        for name, width in widths.items()
    }
    rules = {
        "multiple": draw(st.sampled_from([1, 4, 8])),
        "least": draw(st.integers(1, 12)),
        "most_gone": draw(st.sampled_from([0.25, 0.5, 0.9])),
    }
    return importance, make_costs(widths, works), widths, rules


def nearest_ms(importance, costs, widths, rules):
    """Return the time that the refusal of an impossible wish names."""
    with pytest.raises(BudgetError) as refused:
        choose_keep(importance, costs, widths, 1e-9, **rules)
    return float(re.search(r"the nearest is (\d+\.\d{3}) ms", str(refused.value)).group(1))


def left_of(widths, keep):
    """Return the widths after a cut."""
    return {**widths, **{name: len(indices) for name, indices in keep.items()}}


@given(tasks(), st.floats(0.5, 12.0))
def test_the_time_is_met_or_the_nearest_one_is_named(task, target_ms):
    """A refusal comes only where the named time is above the wish; and the named one can be had."""
    importance, costs, widths, rules = task
    try:
        keep = choose_keep(importance, costs, widths, target_ms, **rules)
    except BudgetError:
        named = nearest_ms(*task)
        assert named > target_ms
        keep = choose_keep(importance, costs, widths, named, **rules)
        target_ms = named * (1.0 + 1e-12)  # a sum in another order is the same time
    assert predicted_ms(costs, left_of(widths, keep)) <= target_ms


@given(tasks(), st.floats(0.0, 1.0))
def test_what_stays_is_in_whole_blocks_and_enough(task, part):
    """Multiples of `multiple`, never below `least`, never more than `most_gone` of a group gone."""
    importance, costs, widths, rules = task
    lowest_ms = nearest_ms(*task)
    target_ms = lowest_ms + part * max(0.0, 10.0 - lowest_ms)
    keep = choose_keep(importance, costs, widths, target_ms, **rules)
    for name, indices in keep.items():
        count, width = len(indices), widths[name]
        assert count < width
        assert count % rules["multiple"] == 0
        assert count >= rules["least"]
        assert width - count <= rules["most_gone"] * width + 1e-9
        assert indices.dtype == np.int64
        assert list(indices) == sorted(set(indices.tolist()))
        assert indices[0] >= 0
        assert indices[-1] < width


@given(tasks(), st.floats(0.0, 1.0))
def test_the_least_important_of_a_group_go_first(task, part):
    """No channel that went is worth more than one of its group that stayed."""
    importance, costs, widths, rules = task
    target_ms = 10.0 - part * max(0.0, 10.0 - nearest_ms(*task))
    for name, indices in choose_keep(importance, costs, widths, target_ms, **rules).items():
        gone = np.delete(importance[name], indices)
        assert gone.max() <= importance[name][indices].min()


@given(tasks(), st.floats(0.0, 1.0))
def test_no_block_goes_that_the_time_does_not_need(task, part):
    """Giving any group its last block back would miss the target."""
    importance, costs, widths, rules = task
    target_ms = 10.0 - part * max(0.0, 10.0 - nearest_ms(*task))
    left = left_of(widths, choose_keep(importance, costs, widths, target_ms, **rules))
    for name, width in left.items():
        if width < widths[name]:
            wider = min(widths[name], width + rules["multiple"])
            assert predicted_ms(costs, {**left, name: wider}) > target_ms


@given(tasks(), st.floats(0.0, 1.0), st.randoms(use_true_random=False))
def test_the_same_question_has_the_same_answer(task, part, random):
    """Twice, and with the groups in another order."""
    importance, costs, widths, rules = task
    target_ms = 10.0 - part * max(0.0, 10.0 - nearest_ms(*task))
    first = choose_keep(importance, costs, widths, target_ms, **rules)
    names = list(widths)
    random.shuffle(names)
    mixed = {name: widths[name] for name in names}
    second = choose_keep(importance, costs, mixed, target_ms, **rules)
    assert list(first) == list(second)
    for name, indices in first.items():
        np.testing.assert_array_equal(indices, second[name])


def test_the_present_time_can_be_asked_for_though_its_sum_is_rounded():
    """Layers that add up to a hair over ten are ten."""
    times = (0.15151515151515152, 9.090909090909092, 0.15151515151515152, 0.6060606060606061)
    groups = (("a",), ("b",), ("a", "b"), ())
    layers = tuple(LayerCost(group, ms) for group, ms in zip(groups, times, strict=True))
    costs = Costs(10.0, 10.0, {"a": 1, "b": 1}, layers, {})
    assert predicted_ms(costs, {}) > 10.0
    rated = {"a": np.array([0.6]), "b": np.array([0.3])}
    assert choose_keep(rated, costs, {"a": 1, "b": 1}, 10.0, multiple=1, least=1) == {}


def test_a_time_that_is_met_already_takes_nothing():
    """Nothing goes, whatever the importances are."""
    costs = make_costs({"a": 32}, {"a": 100.0})
    assert choose_keep({"a": np.zeros(32)}, costs, {"a": 32}, 10.0) == {}


def test_of_equal_importance_what_saves_more_goes_first():
    """Both groups are worth the same; the one with nine times the work gives its channels."""
    widths = {"cheap": 32, "dear": 32}
    layers = [
        LayerWork(name=name, groups=(name,), work=work)
        for name, work in (("cheap", 10.0), ("dear", 90.0))
    ]
    costs = costs_by_work(layers, widths, 10.0, {})
    for value in (0.0, 1.0):
        importance = {name: np.full(32, value) for name in widths}
        keep = choose_keep(importance, costs, widths, 7.6)
        assert {name: len(kept) for name, kept in keep.items()} == {"dear": 16}


def test_importance_is_weighed_against_the_time_saved():
    """The cheap group's channels are worth less, but per millisecond they are worth more."""
    widths = {"cheap": 32, "dear": 32}
    layers = [
        LayerWork(name=name, groups=(name,), work=work)
        for name, work in (("cheap", 10.0), ("dear", 90.0))
    ]
    costs = costs_by_work(layers, widths, 10.0, {})
    importance = {"cheap": np.full(32, 1.0), "dear": np.full(32, 5.0)}
    assert set(choose_keep(importance, costs, widths, 8.0)) == {"dear"}
    importance["dear"][:] = 20.0
    assert set(choose_keep(importance, costs, widths, 9.8)) == {"cheap"}


def test_a_later_cut_starts_from_the_widths_of_now():
    """The share that may go is that of the present width, the costs those of the full one."""
    costs = make_costs({"a": 64}, {"a": 100.0}, rest=0.0)
    importance = {"a": np.arange(32.0)}
    assert predicted_ms(costs, {"a": 32}) == pytest.approx(5.0)
    keep = choose_keep(importance, costs, {"a": 32}, 2.5)
    np.testing.assert_array_equal(keep["a"], np.arange(16, 32))
    with pytest.raises(BudgetError, match=r"reaches 1 ms: the nearest is 2\.500 ms, from 5\.000"):
        choose_keep(importance, costs, {"a": 32}, 1.0)


def test_a_time_that_is_no_number_is_refused():
    """NaN is below nothing: it must not pass as met."""
    costs = make_costs({"a": 32}, {"a": 100.0})
    with pytest.raises(BudgetError, match="no cut in this step reaches nan ms"):
        choose_keep({"a": np.ones(32)}, costs, {"a": 32}, float("nan"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones(31), "not those of 32 channels"),
        (np.full(32, -1.0), "negative or no number"),
        (np.full(32, np.nan), "negative or no number"),
        (None, "not those of 32 channels"),
    ],
)
def test_importances_of_something_else_are_refused(values, words):
    """The message names the group."""
    costs = make_costs({"a": 32}, {"a": 100.0})
    importance = {} if values is None else {"a": values}
    with pytest.raises(SlimError, match=f"group a .*{words}"):
        choose_keep(importance, costs, {"a": 32}, 9.0)


def test_levelled_groups_have_one_mean():
    """Differences inside a group stay in their ratio; a group of zeros says nothing of itself."""
    levelled = level_groups({"a": np.array([1.0, 3.0]), "b": np.zeros(4)})
    np.testing.assert_allclose(levelled["a"], [0.5, 1.5])
    np.testing.assert_array_equal(levelled["b"], np.ones(4))
