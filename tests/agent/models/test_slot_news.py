"""Every change of the slots is told in words, with who did it."""

import pytest

from agent.models.slot_news import news_of
from bundle.slot_deeds import with_deeds
from bundle.slot_state import Installed, SlotState, confirmed, rolled_back, shadowed, switched


def held(number, status="good"):
    """Return a bundle in a slot."""
    return Installed(
        title=f"m-{number}", release=number, sha256=f"{number:064x}", size=1, signers=(),
        status=status,
    )  # fmt: skip


FIRST = SlotState(active="a", slots={"a": held(1)})
STAGED = FIRST.model_copy(update={"slots": {"a": held(1), "b": held(2, "staged")}})
TRIAL = switched(STAGED)
SHADOW = shadowed(STAGED)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (FIRST, FIRST, []),
        (FIRST, STAGED, []),
        (SlotState(), FIRST, []),
        (STAGED, TRIAL, [("flashed", "m-2 (release 2) was flashed and is on probation")]),
        (TRIAL, confirmed(TRIAL), [("confirmed", "m-2 (release 2) is confirmed")]),
        (
            TRIAL,
            rolled_back(TRIAL, or_none=True),
            [("rolled_back", "m-2 (release 2) was taken off the line, back to m-1 (release 1)")],
        ),
        (
            FIRST,
            rolled_back(FIRST, or_none=True),
            [
                (
                    "rolled_back",
                    "m-1 (release 1) was taken off the line and no model is left: every part "
                    "is rejected",
                )
            ],
        ),
        (
            STAGED,
            SHADOW,
            [("shadowed", "m-2 (release 2) looks at the parts beside the model that judges")],
        ),
        (SHADOW, FIRST, [("shadowed", "m-2 (release 2) no longer looks at the parts")]),
        (
            SHADOW,
            switched(SHADOW),
            [("flashed", "m-2 (release 2) was flashed and is on probation")],
        ),
    ],
)
def test_a_change_is_told_in_a_sentence(before, after, told):
    """Deed and sentence; who did it stands behind."""
    news = [news_of(done) for done in with_deeds(before, after, "anna").deeds]
    assert [(one.deed.value, one.text) for one in news] == [
        (deed, f"{text}; by anna") for deed, text in told
    ]
