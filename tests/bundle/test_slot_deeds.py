"""The slots keep what was done to them, by whom, until the agent has taken it over."""

from __future__ import annotations

import hashlib
import json

import pytest

from bundle.errors import SlotError
from bundle.slot_files import COPY, STATE, read_state
from bundle.slot_state import MOST_DEEDS
from bundle.slots import open_slots


@pytest.fixture
def do(folder, trust):
    """Return a function that changes the slots as somebody."""

    def change(by, *names):
        with open_slots(folder, trust, by=by) as slots:
            for name in names:
                getattr(slots, name)()

    return change


def told(folder):
    """Return number, kind, bundle and doer of each deed."""
    return [(one.number, one.kind, one.title, one.by) for one in read_state(folder).deeds]


def install(folder, trust, data, by=""):
    """Put a bundle into the free slot."""
    with open_slots(folder, trust, by=by) as slots:
        slots.install(data)


def test_each_deed_stands_in_the_list_with_who_did_it(folder, trust, make_bundle, do):
    """Installing is none yet: nothing judges otherwise than before."""
    install(folder, trust, make_bundle(1))
    assert told(folder) == []
    do("anna", "switch")
    do("bert", "confirm")
    install(folder, trust, make_bundle(2))
    do("carla", "shadow")
    do("dora", "drop_shadow")
    install(folder, trust, make_bundle(3))
    do("emil", "switch")
    do("fritz", "rollback")
    assert told(folder) == [
        (1, "flashed", "scripted-1.0.1", "anna"),
        (2, "confirmed", "scripted-1.0.1", "bert"),
        (3, "shadowed", "scripted-1.0.2", "carla"),
        (4, "unshadowed", "scripted-1.0.2", "dora"),
        (5, "flashed", "scripted-1.0.3", "emil"),
        (6, "rolled_back", "scripted-1.0.3", "fritz"),
    ]
    assert read_state(folder).deeds[-1].back_to == "scripted-1.0.1 (release 1)"


def test_what_is_refused_is_no_deed(folder, do, flash):
    """Nothing was done, so nothing is told."""
    flash(1, confirm=True)
    before = told(folder)
    for name in ("confirm", "rollback", "drop_shadow", "switch"):
        with pytest.raises(SlotError):
            do("anna", name)
    assert told(folder) == before


def test_who_did_it_is_never_taken_from_an_earlier_change(folder, do, flash):
    """A nameless deed stays nameless."""
    flash(1)
    do("anna", "confirm")
    flash(2)
    assert [by for *_, by in told(folder)] == ["", "anna", ""]


def test_the_list_is_bounded_and_its_numbers_go_on(folder, do, flash):
    """The oldest deeds give way; the gap shows in the numbers."""
    flash(1, confirm=True)
    for _ in range(MOST_DEEDS // 2):
        flash(2, force=True)
        do("anna", "rollback")
    numbers = [number for number, *_ in told(folder)]
    assert numbers == list(range(3, MOST_DEEDS + 3))


def test_a_state_from_before_there_was_a_list_stays_readable(folder, do, flash):
    """It has no deeds; the next one is the first."""
    flash(1)
    for name in (STATE, COPY):
        body = json.loads((folder / name).read_bytes())["state"]
        del body["deeds"]
        check = hashlib.sha256(json.dumps(body, sort_keys=True).encode("ascii")).hexdigest()
        (folder / name).write_text(json.dumps({"check": check, "state": body}))
    assert told(folder) == []
    assert read_state(folder).judging.title == "scripted-1.0.1"
    do("anna", "confirm")
    assert told(folder) == [(1, "confirmed", "scripted-1.0.1", "anna")]


def test_a_very_long_name_leaves_the_state_readable(folder, do, flash):
    """It is cut."""
    flash(1)
    do("a" * 1000, "confirm")
    assert told(folder)[-1][-1] == "a" * 200


def test_equal_deeds_have_one_digest_and_any_difference_another(folder, do, flash):
    """Numbers begin anew with lost slots: by its digest the agent tells what it has told."""
    flash(1)
    do("anna", "confirm")
    deed = read_state(folder).deeds[-1]
    others = [
        deed.model_copy(update=change)
        for change in ({"number": 9}, {"kind": "flashed"}, {"title": "x"}, {"release": 9},
                       {"back_to": "x"}, {"by": "bert"})
    ]  # fmt: skip
    assert deed.model_copy().digest == deed.digest
    assert len({deed.digest, *(one.digest for one in others)}) == 7
