"""The front keeps what nothing beats, picks what fits a wish, and reads only what it wrote."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.errors import BudgetError, SlimError
from export.slim.front import Point, make_front, pareto, pick, read_front, write_front

SHARES = st.integers(0, 10).map(lambda tenths: tenths / 10)


def point(name="m", p50_ms=2.0, accuracy=0.9, **more):
    """Return a point; what is not asked for does not matter."""
    facts = {
        "name": name,
        "network": "mobilenet_v2",
        "step": "pruned",
        "size": 64,
        "widths": {"first": 8},
        "model": f"{name}/model.keras",
        "macs": 1000,
        "model_bytes": 5000,
        "p50_ms": p50_ms,
        "accuracy": accuracy,
        "escapes": 1,
    }
    return Point(**{**facts, **more})


@st.composite
def several(draw, least=0):
    """Draw points, many of them equal in time or accuracy."""
    count = draw(st.integers(least, 8))
    return [
        point(
            f"m{place}",
            draw(st.integers(1, 6)) / 2,
            draw(SHARES),
            escapes=draw(st.integers(0, 2)),
            model_bytes=draw(st.integers(1, 3)),
        )
        for place in range(count)
    ]


def beats(one, other):
    """Return whether one is as good in both and better in one of them."""
    better = one.p50_ms < other.p50_ms or one.accuracy > other.accuracy
    return better and one.p50_ms <= other.p50_ms and one.accuracy >= other.accuracy


@given(several())
def test_nothing_beats_what_is_best_and_something_beats_the_rest(points):
    """A point that is left out is beaten by, or equal to, one that stays."""
    best = pareto(points)
    assert not any(beats(other, one) for one in best for other in points)
    for left in points:
        if left not in best:
            equal = [p for p in best if (p.p50_ms, p.accuracy) == (left.p50_ms, left.accuracy)]
            assert equal or any(beats(one, left) for one in best)


@given(several(), st.randoms(use_true_random=False))
def test_the_best_rise_with_time_in_any_order(points, random):
    """More time, more accuracy; the order in which points come does not matter."""
    best = pareto(points)
    assert all(
        one.p50_ms < other.p50_ms and one.accuracy < other.accuracy
        for one, other in itertools.pairwise(best)
    )
    random.shuffle(points)
    assert pareto(points) == best
    assert pareto(best) == best


def test_of_equals_fewer_escapes_stay_then_the_smaller_file():
    """Time and accuracy alone do not tell them apart."""
    careless, careful = point("a", escapes=3), point("b", escapes=1)
    assert pareto([careless, careful]) == (careful,)
    assert pareto([careful, small := point("c", model_bytes=10)]) == (small,)


FAST, MIDDLE, GOOD = point("fast", 1.0, 0.90), point("middle", 2.0, 0.95), point("good", 4.0, 0.99)
THREE = (GOOD, FAST, MIDDLE)


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, GOOD),
        ({"max_latency_ms": 3.0}, MIDDLE),
        ({"max_latency_ms": 2.0}, MIDDLE),
        ({"min_accuracy": 0.9}, FAST),
        ({"min_accuracy": 0.91}, MIDDLE),
        ({"max_latency_ms": 9.0, "min_accuracy": 0.91}, GOOD),
        ({"rung": "fast"}, FAST),
    ],
)
def test_a_wish_gives_the_most_accurate_in_time_or_the_fastest_good_enough(wish, found):
    """With both wishes it is the most accurate of those in time."""
    assert pick(THREE, **wish) == found


@given(several(least=1), st.none() | st.integers(1, 8).map(lambda n: n / 2), st.none() | SHARES)
def test_what_is_picked_fits_and_a_refusal_is_true(points, max_latency_ms, min_accuracy):
    """A refusal comes only where no point fits, and names one that is there."""
    wish = {"max_latency_ms": max_latency_ms, "min_accuracy": min_accuracy}
    fits = [
        p
        for p in points
        if (max_latency_ms is None or p.p50_ms <= max_latency_ms)
        and (min_accuracy is None or p.accuracy >= min_accuracy)
    ]
    if not fits:
        with pytest.raises(BudgetError) as refused:
            pick(points, **wish)
        assert any(f"{p.name} takes {p.p50_ms:.3f} ms" in str(refused.value) for p in points)
        return
    found = pick(points, **wish)
    assert found in fits
    if max_latency_ms is None and min_accuracy is not None:
        assert found.p50_ms == min(p.p50_ms for p in fits)
    else:
        assert found.accuracy == max(p.accuracy for p in fits)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (
            {"rung": "best"},
            "there is no rung best; there are good, fast, middle",
        ),
        (
            {"max_latency_ms": 0.5},
            "no model is done in 0.5 ms; the nearest: fast takes 1.000 ms for 90.000%",
        ),
        (
            {"min_accuracy": 0.995},
            "no model is right in at least 99.500%; the nearest: good takes 4.000 ms for 99.000%",
        ),
        (
            {"max_latency_ms": 3.0, "min_accuracy": 0.98},
            "no model is done in 3 ms and right in at least 98.000%; the nearest: "
            "good takes 4.000 ms for 99.000%; middle takes 2.000 ms for 95.000%",
        ),
    ],
)
def test_a_wish_in_vain_names_the_nearest(wish, words):
    """One wish has one nearest point, two have one for each."""
    with pytest.raises(BudgetError) as refused:
        pick(THREE, **wish)
    assert str(refused.value) == words


def test_an_empty_front_has_nothing_to_pick():
    """It says so, instead of failing on a minimum of nothing."""
    with pytest.raises(BudgetError, match="the front is empty"):
        pick(())


@given(several())
def test_a_front_is_read_as_it_was_written(tmp_path_factory, points):
    """All points, intervals and facts of the machine; fastest first, the best named."""
    points = [p.model_copy(update={"accuracy_interval": (0.25, 0.75)}) for p in points]
    front = make_front(points, {"cpu": "a processor", "threads": 4}, threads=2)
    path = tmp_path_factory.mktemp("front") / "front.json"
    write_front(path, front)
    assert read_front(path) == front
    times = [one.p50_ms for one in front.points]
    assert times == sorted(times)
    assert front.best == tuple(one.name for one in pareto(points))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"best": ["good"]}, "best does not name the points that nothing beats"),
        ({"schema_version": 2}, "schema_version"),
        ({"threads": "1"}, "threads"),
        ({"more": 1}, "more"),
        ({"points.0.model": "../model.keras"}, "must be a path inside the front's folder"),
        ({"points.0.model": "/model.keras"}, "must be a path inside the front's folder"),
        ({"points.0.accuracy_interval": [0.9, 0.1]}, "two shares, the lower first"),
        ({"points.0.p50_ms": 0.0}, "p50_ms"),
        ({"points.0.name": "good"}, "two points have the same name"),
        ({"points.0.more": 1}, "more"),
    ],
)
def test_a_file_that_is_no_front_is_refused(tmp_path, change, words):
    """The message names the file and what is wrong in it."""
    content = make_front(THREE, {}).model_dump(mode="json")
    for key, value in change.items():
        owner = content["points"][0] if key.startswith("points") else content
        owner[key.rpartition(".")[2]] = value
    path = tmp_path / "front.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SlimError, match=r"front\.json is wrong") as refused:
        read_front(path)
    assert words in str(refused.value)


def test_a_front_that_is_not_there_or_cannot_be_written_is_told(tmp_path):
    """Each in one sentence, with the path."""
    with pytest.raises(SlimError, match=r"cannot read the front .*none\.json: No such file"):
        read_front(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(SlimError, match="file"):
        write_front(tmp_path / "file" / "front.json", make_front(THREE, {}))


def test_a_name_that_is_used_twice_is_refused():
    """Names are how the best are named."""
    with pytest.raises(SlimError, match="two points have the same name"):
        make_front([FAST, FAST], {})
