"""The parts of the simulated belt, on which camera, demo and judge agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sim import deck as deck_module
from agent.sim.deck import Deck


@given(size=st.integers(1, 300), share=st.floats(0, 1), seed=st.integers(0, 2**40))
@settings(deadline=None)
def test_the_share_of_defective_parts_is_exact(size, share, seed):
    """Of `size` parts, the rounded share is defective, whatever the seed."""
    deck = Deck(size, share, seed)
    assert sum(deck.defective(part) for part in range(size)) == round(size * share)


@given(part=st.integers(0, 10**9), seed=st.integers(0, 2**40))
@settings(deadline=None)
def test_two_decks_agree_without_a_word(part, seed):
    """The truth of a part depends on seed and number alone, and repeats after `size` parts."""
    one, other = Deck(64, 0.3, seed), Deck(64, 0.3, seed)
    assert one.defective(part) == other.defective(part) == one.defective(part + 64)
    assert one.kinds(part) == other.kinds(part) == one.kinds(part + 64)
    assert bool(one.kinds(part)) == one.defective(part)


def test_the_drawn_part_bears_the_defects_of_its_truth():
    """What `kinds` says is what was drawn."""
    deck = Deck(6, 0.5, 3, pixels=120)
    for part in range(6):
        assert tuple(flaw.kind for flaw in deck.casting(part).truth) == deck.kinds(part)


def test_two_decks_draw_the_same_pictures():
    """Camera and judge see the same pixels, in whatever order they ask."""
    one, other = Deck(3, 0.5, 8, pixels=120), Deck(3, 0.5, 8, pixels=120)
    other.prepare()
    for part in (2, 0, 1):
        assert np.array_equal(one.view(part, 0), other.view(part, 0))


def test_a_moved_part_is_the_same_picture_further_right():
    """A view 7 pixels on shows the same columns 7 further to the right."""
    deck = Deck(1, 1, 4, pixels=120)
    assert np.array_equal(deck.view(0, 7)[:, 7:], deck.view(0, 0)[:, :-7])


def test_a_view_is_bounded_by_the_picture():
    """However far a part has moved, the view keeps its size; it is then the empty belt."""
    deck = Deck(1, 0, 4, pixels=120)
    gone = deck.view(0, 10_000)
    assert gone.shape == (120, 120)
    assert gone.std() < 0.6 * deck.view(0, 0).std()


def test_nobody_can_write_into_a_view():
    """The kept pictures are shared with every frame."""
    with pytest.raises(ValueError, match="read-only"):
        Deck(1, 0, 4, pixels=120).view(0, 0)[0, 0] = 1


def test_memory_is_bounded_and_a_forgotten_part_is_drawn_again(monkeypatch):
    """A deck larger than its memory gives the same part again."""
    monkeypatch.setattr(deck_module, "_KEPT", 2)
    deck = Deck(4, 0.5, 5, pixels=120)
    first = deck.view(0, 0).copy()
    deck.prepare()
    for part in range(4):
        deck.casting(part)
    assert len(deck._canvases) == 2
    assert np.array_equal(deck.view(0, 0), first)
