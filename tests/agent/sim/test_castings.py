"""Drawn castings: the same seed gives the same part, defects are there and where they are said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sim.castings import choose_defects, draw_belt, draw_casting, part_seed
from agent.sim.defects import DefectKind
from agent.sim.pose import Pose


def test_the_same_seed_draws_the_same_picture():
    """A part can be drawn again, pixel by pixel, with its defects."""
    first = draw_casting(7, [DefectKind.BURR])
    second = draw_casting(7, [DefectKind.BURR])
    assert np.array_equal(first.pixels, second.pixels)
    assert first.truth == second.truth


def test_another_seed_draws_another_part():
    """Two parts differ nearly everywhere, not only in their noise."""
    first, second = draw_casting(1).pixels, draw_casting(2).pixels
    assert np.mean(np.abs(first.astype(int) - second.astype(int)) > 5) > 0.4


@pytest.mark.parametrize("size", [96, 224, 300])
def test_a_picture_has_the_size_that_was_asked_for(size):
    """Pictures are square and gray, and bright and dark enough to be judged."""
    pixels = draw_casting(3, [DefectKind.CRACK], size).pixels
    assert (pixels.shape, pixels.dtype) == ((size, size), np.uint8)
    assert 60 < pixels.mean() < 230
    assert pixels.std() > 20


def test_a_good_part_has_no_defect():
    """Marks that good parts carry as well are not in the truth."""
    assert draw_casting(5).truth == ()


@pytest.mark.parametrize("kind", list(DefectKind))
@pytest.mark.parametrize("seed", range(12))
def test_a_defect_changes_the_picture_where_it_is_said_to_be(kind, seed):
    """Pixels differ from the same part without it, and only around the place in the truth."""
    flawed = draw_casting(seed, [kind])
    (defect,) = flawed.truth
    changed = np.abs(flawed.pixels.astype(int) - draw_casting(seed).pixels.astype(int)) > 0
    rows, columns = np.nonzero(changed)
    away = np.hypot(columns - defect.x, rows - defect.y)
    assert defect.kind is kind
    assert changed.sum() >= 4
    assert away.max() < 2.5 * defect.radius + 12


@pytest.mark.parametrize("kind", list(DefectKind))
def test_most_defects_are_plain(kind):
    """Half of the defects of each kind change some pixel by more than a harmless mark does."""
    strongest = []
    for seed in range(25):
        flawed, sound = draw_casting(seed, [kind]).pixels, draw_casting(seed).pixels
        strongest.append(np.abs(flawed.astype(int) - sound.astype(int)).max())
    assert np.median(strongest) > 45


@given(seed=st.integers(0, 2**63), count=st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_the_truth_names_every_defect_once(seed, count):
    """As many defects are in the truth as were asked for, in their order, inside the picture."""
    kinds = list(DefectKind)[:count]
    casting = draw_casting(seed, kinds)
    assert [defect.kind for defect in casting.truth] == kinds
    assert all(0 <= defect.x < 300 and 0 <= defect.y < 300 for defect in casting.truth)


def test_a_margin_adds_belt_on_the_left_and_moves_no_defect():
    """The truth is that of the picture without its margin."""
    plain = draw_casting(9, [DefectKind.BLOW_HOLE])
    wide = draw_casting(9, [DefectKind.BLOW_HOLE], margin=300)
    assert wide.pixels.shape == (300, 600)
    assert wide.truth[0].x == pytest.approx(plain.truth[0].x, abs=0.11)
    assert wide.truth[0].y == pytest.approx(plain.truth[0].y, abs=0.11)
    assert wide.pixels[:, :280].std() < 0.5 * wide.pixels[:, 300:].std()


def test_the_empty_belt_shows_no_part():
    """Without a part the picture is gray and even, but not blank."""
    pixels = draw_belt(1)
    assert pixels.shape == (300, 300)
    assert 1.5 < pixels.std() < 25


def test_seeds_of_training_test_and_belt_never_meet():
    """A part of the demo has never been seen in training."""
    seeds = {
        part_seed(purpose, seed, number)
        for purpose in ("train", "test", "belt")
        for seed in range(3)
        for number in range(500)
    }
    assert len(seeds) == 3 * 3 * 500


def test_a_defective_part_has_one_or_two_different_defects():
    """Every kind is met, and none twice on one part."""
    chosen = [choose_defects(seed) for seed in range(400)]
    assert {len(kinds) for kinds in chosen} == {1, 2}
    assert all(len(set(kinds)) == len(kinds) for kinds in chosen)
    assert {kind for kinds in chosen for kind in kinds} == set(DefectKind)


@given(
    seed=st.integers(0, 2**32),
    rho=st.floats(0.2, 1.05),
    theta=st.floats(0, 6.28),
)
@settings(max_examples=60, deadline=None)
def test_a_place_on_the_part_is_found_again_in_the_picture(seed, rho, theta):
    """From the part to pixels and back: off by a few pixels at most, where the hub leans."""
    pose = Pose.random(np.random.default_rng(seed), 300)
    x, y = pose.place(rho, theta)
    radii, _ = pose.polar(300, 300)
    column, row = min(max(round(x), 0), 299), min(max(round(y), 0), 299)
    assert abs(float(radii[row, column]) - rho) * pose.radius < 3
