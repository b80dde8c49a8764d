"""What leaks and what contradicts is counted by part."""

import random

import pytest
from audit_made import made_audit, some_picture

from training.audit.copies import Copies, NearPair
from training.audit.part_findings import find_contradictions, random_leak
from training.audit.parts import Link

NONE = Copies((), ())
NEAR = ((2, 3), (7, 8), (6, 9))  # train to test, test to train, and within test


def test_each_kind_of_leak_is_counted():
    """Identical, near, same part and clean test pictures: each column includes those before it."""
    pictures = [
        some_picture(0, "bad", "train"),
        some_picture(1, "bad", "test", sha=f"{0:064x}"),
        some_picture(2, "bad", "train"),
        some_picture(3, "bad", "test"),
        some_picture(4, "ok", "train"),
        some_picture(5, "ok", "test"),
        some_picture(6, "ok", "test"),
        some_picture(7, "ok", "test"),
        some_picture(8, "ok", "train"),
        some_picture(9, "ok", "test"),
    ]
    near = [NearPair(first, second, 5, 0.99, mirrored=False) for first, second in NEAR]
    audit = made_audit(
        pictures, [0, 0, 1, 2, 3, 3, 4, 5, 6, 7], copies=Copies(((0, 1),), tuple(near))
    )
    rows = [
        (
            row.label,
            row.pictures,
            row.identical,
            row.near,
            row.same_part,
            row.parts,
            row.shared_parts,
        )
        for row in audit.leaks
    ]
    assert rows == [
        ("all", 6, 1, 3, 4, 6, 2),
        ("bad", 2, 1, 2, 2, 2, 1),
        ("ok", 4, 0, 1, 2, 4, 1),
    ]
    assert audit.unconfirmed_near == 3


@pytest.mark.parametrize("sides", [("", ""), ("train", "train"), ("test", "test")])
def test_without_two_sides_nothing_leaks(sides):
    """A folder without train/ or without test/ has no row."""
    pictures = [some_picture(0, "bad", sides[0]), some_picture(1, "ok", sides[1])]
    assert made_audit(pictures, [0, 1], copies=NONE).leaks == ()


def test_a_contradiction_names_its_surest_link():
    """Links between the same label do not count; of those between labels the strongest does."""
    pictures = [some_picture(n, label) for n, label in enumerate(["bad", "bad", "ok", "ok", "ok"])]
    links = [
        Link(0, 1, 200, mirrored=False),
        Link(0, 3, 55, mirrored=True),
        Link(1, 2, 40, mirrored=False),
    ]
    (found,) = find_contradictions(pictures, [0, 0, 0, 0, 1], links)
    assert (found.part, found.inliers, found.count) == (0, 55, 4)
    assert found.pictures == (("bad", (0, 1)), ("ok", (2, 3)))


def test_larger_contradictions_come_first():
    """The one that spoils most pictures is looked at first."""
    pictures = [some_picture(n, "bad" if n in (0, 2) else "ok") for n in range(5)]
    found = find_contradictions(pictures, [0, 0, 1, 1, 1], [])
    assert [each.part for each in found] == [1, 0]


def test_labels_are_counted_with_their_sides():
    """Pictures, contents and parts of a label, and how many lie on which side."""
    pictures = [
        some_picture(0, "bad", "train"),
        some_picture(1, "bad", "test", sha=f"{0:064x}"),
        some_picture(2, "ok", "train"),
    ]
    bad, ok = made_audit(pictures, [0, 0, 1], copies=NONE).labels
    assert (bad.pictures, bad.contents, bad.parts, bad.largest_part) == (2, 1, 1, 2)
    assert bad.by_side == (("train", 1), ("test", 1))
    assert (bad.defective, ok.defective) == (True, False)


def test_the_expected_leak_is_what_chance_gives():
    """The formula against drawn splits of parts with one, two and five pictures."""
    part_of = [*range(20), *(20 + n // 2 for n in range(20)), *(40 + n // 5 for n in range(50))]
    draw = random.Random(0)
    shares = []
    for _ in range(400):
        test = [draw.random() < 0.2 for _ in part_of]
        learned = {part for part, held in zip(part_of, test, strict=True) if not held}
        tested = [part for part, held in zip(part_of, test, strict=True) if held]
        shares.append(sum(part in learned for part in tested) / max(1, len(tested)))
    assert random_leak(part_of, 0.2) == pytest.approx(sum(shares) / len(shares), abs=0.02)
