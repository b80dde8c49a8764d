"""Findings are sentences in order of gravity, and a clean set has none."""

import pytest
from audit_made import made_audit, some_picture, spotless_audit

from training.audit.copies import Copies, NearPair
from training.audit.files import Unreadable
from training.audit.findings import list_findings
from training.audit.parts import Control

NONE = Copies((), ())


def many(count, side=""):
    """Return pictures of two labels."""
    return [some_picture(number, ("bad", "ok")[number % 2], side) for number in range(count)]


def titles(audit, section=None):
    """Return the findings' titles, of one section or of all."""
    return [each.title for each in list_findings(audit) if section in (None, each.section)]


def test_a_clean_set_has_no_finding():
    """Nothing is made up."""
    assert titles(spotless_audit()) == []


def test_the_gravest_comes_first():
    """A contradiction stands before the few parts, and they before the copies."""
    pictures = [*many(20), some_picture(99, "ok")]
    audit = made_audit(pictures, [*range(20), 0], copies=Copies(((0, 2),), ()))
    gravities = [each.gravity for each in list_findings(audit)]
    assert gravities == sorted(gravities, key=["grave", "warning", "note"].index)
    assert gravities[0] == "grave"
    assert gravities[-1] == "note"


def test_a_leak_is_said_in_pictures():
    """Share and numbers stand in the title."""
    pictures = [*many(150, "train"), *(some_picture(500 + n, "bad", "test") for n in range(4))]
    audit = made_audit(pictures, [*range(150), 0, 2, 4, 900], copies=NONE)
    assert titles(audit, "leaks") == [
        "75.0% of the pictures in test/ show a part that is in train/ too (3 of 4)"
    ]


def test_sides_without_a_leak_are_well():
    """Where no part is on both sides nothing is said."""
    pictures = [*many(150, "train"), *(some_picture(500 + n, "bad", "test") for n in range(4))]
    assert titles(made_audit(pictures, range(154), copies=NONE), "leaks") == []


def test_an_undivided_folder_is_warned_of():
    """Several pictures a part: a split by picture would leak, and how much."""
    audit = made_audit(many(400), [number % 200 for number in range(400)], copies=NONE)
    (title,) = titles(audit, "leaks")
    assert title.startswith("A split by picture would leak: 80.0%")


def test_few_parts_say_what_they_can_carry():
    """Thirty parts cannot show less than ten per cent, however many pictures there are."""
    audit = made_audit(many(600), [number % 60 for number in range(600)], copies=NONE)
    found = [each for each in list_findings(audit) if each.section == "parts"]
    assert [each.title.split(",")[0] for each in found] == [
        "Only 30 physical parts are bad",
        "Only 30 physical parts are ok",
    ]
    assert "10.0%" in found[0].text


def test_wrong_links_are_warned_of():
    """Linked control pairs that are not strong are what the grouping gets wrong."""
    doubtful = made_audit(many(240), range(240), copies=NONE, control=Control(1000, 30, 10))
    sure = made_audit(many(240), range(240), copies=NONE, control=Control(1000, 30, 30))
    assert "2.00% of the control pairs" in titles(doubtful, "parts")[0]
    assert titles(sure, "parts") == []


def test_unreadable_files_are_counted_by_reason():
    """The reasons stand in the text."""
    cut = [Unreadable(f"bad/{n}.jpeg", "the file is cut short") for n in range(2)]
    audit = made_audit(many(240), range(240), copies=NONE, unreadable=cut, other_files=3)
    first, second = list_findings(audit)
    assert (first.gravity, first.title) == ("warning", "2 pictures cannot be read")
    assert "the file is cut short (2)" in first.text
    assert second.title == "3 other files lie among the pictures"


def test_odd_pictures_are_counted_by_kind():
    """One is said in the singular."""
    pictures = [
        *many(240),
        some_picture(998, "ok", contrast=0.0),
        some_picture(999, "ok", width=40),
    ]
    audit = made_audit(pictures, range(242), copies=NONE)
    assert titles(audit, "files") == [
        "1 picture is one gray almost everywhere",
        "1 picture is tiny",
    ]


@pytest.mark.parametrize(("parts", "warned"), [((0, 0), 0), ((0, 1), 1)])
def test_near_duplicates_that_are_no_part_are_warned_of(parts, warned):
    """Where hash and features disagree somebody has to look."""
    pictures = many(240)
    part_of = [*parts, *range(2, 240)]
    near = Copies((), (NearPair(0, 1, 3, 0.98, mirrored=False),))
    found = titles(made_audit(pictures, part_of, copies=near), "copies")
    assert "1 of them under two labels" in found[0]
    assert len(found) == 1 + warned


def test_unequal_classes_are_noted():
    """Five times the pictures of the other class."""
    pictures = [some_picture(n, "bad" if n % 6 == 0 else "ok") for n in range(900)]
    assert titles(made_audit(pictures, range(900), copies=NONE), "counts") == [
        "ok has 5.0 times the pictures of bad"
    ]
