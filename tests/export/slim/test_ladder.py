"""A ladder fits the network that goes down it."""

from __future__ import annotations

import pytest

pytest.importorskip("keras")

from export.slim.climb import list_tasks
from export.slim.ladder import FULL, QUICK

pytestmark = pytest.mark.train


def test_rungs_are_smaller_in_proportion_for_a_network_of_smaller_pictures():
    """No rung is shown more pixels than the network was trained for; the shares stay."""
    fitted = FULL.fit(160)
    names = ["160-at-60", "144-at-40", "144-at-35", "112-at-20", "96-at-11", "64-at-7"]
    assert [rung.name for rung in fitted.rungs] == names
    assert fitted.fit(160) is fitted


@pytest.mark.parametrize("ladder", [FULL, QUICK])
def test_the_size_it_was_made_for_changes_nothing(ladder):
    """And a ladder for any size stays as it is."""
    assert ladder.fit(224) is ladder


def test_what_is_asked_for_is_done_and_nothing_below():
    """Down to the rung 192-at-40 there are two, of a network with swish after its relearning."""
    kinds = [task.kind for task in list_tasks(FULL, swish=True, until="192-at-40")]
    assert kinds == ["plain", "relearn", *2 * ["cut", "distil", "finish"]]
    kinds = [task.kind for task in list_tasks(FULL, until="224-at-60")]
    assert kinds == ["cut", "recover", "distil", "finish"]
