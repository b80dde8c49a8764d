"""An audit finds the copies of known parts, what leaks, and what contradicts."""

import shutil
from itertools import combinations

import pytest
from audit_data import QuietProgress, draw_textured, turn, write_known_parts, write_picture

from training.audit.audit import audit_folder
from training.audit.cache import AuditCache
from training.audit.parts import STEPS, Control, PartGroups
from training.errors import DataError

PARTS = 5


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Return a folder of known parts and the part of each picture."""
    root = tmp_path_factory.mktemp("known")
    return root, write_known_parts(root, PARTS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return where the audit of this module is kept."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def audited(known, cache):
    """Return the known parts' audit, which the cache then has."""
    return audit_folder(known[0], QuietProgress(), cache=AuditCache(cache))


def every_apart(frames, labels, advance):
    """Group nothing with anything; a stand-in for tests that are not about the grouping."""
    del frames, advance
    return PartGroups(tuple(range(len(labels))), (), Control(0, 0, 0))


def test_turned_mirrored_and_relit_copies_are_one_part(known, audited):
    """Recall and precision of the grouping over all pairs: no wrong pair, few missed."""
    truth = [known[1][picture.name] for picture in audited.scan.pictures]
    pairs = list(combinations(range(len(truth)), 2))
    same = {pair for pair in pairs if truth[pair[0]] == truth[pair[1]]}
    found = {pair for pair in pairs if audited.part_of[pair[0]] == audited.part_of[pair[1]]}
    assert len(found & same) / len(same) >= 0.95
    assert len(found & same) / len(found) == 1.0


def test_every_part_on_both_sides_is_a_leak(known, audited):
    """The parts were dealt to both sides: all pictures of test/ leak, and the row of each label."""
    row = audited.leaks[0]
    assert (row.label, row.parts, row.shared_parts) == ("all", 2 * PARTS, 2 * PARTS)
    assert row.same_part == row.pictures == sum(name.startswith("test") for name in known[1])
    assert sum(each.pictures for each in audited.leaks[1:]) == row.pictures


def test_parts_are_counted_by_label(audited):
    """Parts, not pictures, are what there is of a label."""
    assert [(row.label, row.parts, row.pictures) for row in audited.labels] == [
        ("bad", PARTS, 6 * PARTS),
        ("ok", PARTS, 6 * PARTS),
    ]


def test_one_part_under_two_labels_is_found(tmp_path):
    """A turned copy in the other class contradicts; the parts beside it do not."""
    for number in range(3):
        write_picture(tmp_path / "bad" / f"{number}.png", draw_textured(number))
        write_picture(tmp_path / "ok" / f"{number}.png", draw_textured(10 + number))
    write_picture(tmp_path / "ok" / "again.png", turn(draw_textured(1), 25))
    audit = audit_folder(tmp_path, QuietProgress())
    (found,) = audit.contradictions
    names = {
        label: [audit.scan.pictures[place].name for place in places]
        for label, places in found.pictures
    }
    assert names == {"bad": ["bad/1.png"], "ok": ["ok/again.png"]}
    assert found.inliers is not None
    assert not found.identical


def test_the_same_bytes_under_two_labels_are_a_contradiction(tmp_path):
    """Identical files are one part whatever the grouping says."""
    for number in range(3):
        write_picture(tmp_path / "bad" / f"{number}.png", draw_textured(number))
        write_picture(tmp_path / "ok" / f"{number}.png", draw_textured(10 + number))
    shutil.copy(tmp_path / "bad" / "0.png", tmp_path / "ok" / "copy.png")
    audit = audit_folder(tmp_path, QuietProgress(), group=every_apart)
    (found,) = audit.contradictions
    assert (found.identical, found.inliers, found.count) == (True, None, 2)


def refuse(frames, labels, advance):
    """Group nothing: what is asked for must be known."""
    raise AssertionError("grouped again")


def test_the_result_does_not_hang_on_names_or_folders(known, audited, cache, tmp_path):
    """Renamed and moved pictures are the same question to the grouping, and give the same parts."""
    shutil.copytree(known[0] / "train", tmp_path / "train")
    shutil.copytree(known[0] / "test", tmp_path / "test")
    for place, path in enumerate(sorted(tmp_path.rglob("*.jpeg"), reverse=True)):
        path.rename(path.with_name(f"x{place:03d}.jpeg"))
    moved = audit_folder(tmp_path, QuietProgress(), cache=AuditCache(cache), group=refuse)
    assert _by_content(moved) == _by_content(audited)


def _by_content(audit):
    groups = {}
    for picture, part in zip(audit.scan.pictures, audit.part_of, strict=True):
        groups.setdefault(part, set()).add(picture.sha256)
    return sorted(map(sorted, groups.values()))


def step_by_step(frames, labels, advance):
    """Group nothing, and tell of every step."""
    for _ in range(STEPS):
        advance(len(labels))
    return every_apart(frames, labels, advance)


@pytest.mark.parametrize("group", [step_by_step, every_apart])
def test_the_bar_reaches_its_end(known, group, tmp_path):
    """Every unit of the announced work is told of once, also where copies spare some of it."""
    shutil.copytree(known[0] / "train", tmp_path / "bad" / "train")
    shutil.copytree(known[0] / "train", tmp_path / "ok" / "train")
    progress = QuietProgress()
    audit_folder(tmp_path, progress, group=group)
    assert progress.total == progress.done > 0
    assert progress.steps[0] == "measuring"


def test_a_second_run_groups_nothing(known, audited, cache):
    """What the cache has is not worked out again, and the audit is the same to the last figure."""
    again = audit_folder(known[0], QuietProgress(), cache=AuditCache(cache), group=refuse)
    assert again == audited


def test_one_class_is_refused_in_one_line(tmp_path):
    """There is nothing to tell apart."""
    write_picture(tmp_path / "ok" / "0.png", draw_textured(0))
    with pytest.raises(DataError, match="two classes"):
        audit_folder(tmp_path, QuietProgress())


def test_other_class_names_need_a_word(tmp_path):
    """Which class is defective is asked for, and taken."""
    for number in range(2):
        write_picture(tmp_path / "alpha" / f"{number}.png", draw_textured(number))
        write_picture(tmp_path / "beta" / f"{number}.png", draw_textured(10 + number))
    with pytest.raises(DataError, match="--defective NAME"):
        audit_folder(tmp_path, QuietProgress(), group=every_apart)
    audit = audit_folder(tmp_path, QuietProgress(), defective="Beta", group=every_apart)
    assert audit.defective == ("beta",)


def test_two_pictures_are_enough_to_say_so(tmp_path):
    """The smallest folder is audited; what needs more pictures is left unsaid."""
    write_picture(tmp_path / "bad" / "0.png", draw_textured(0))
    write_picture(tmp_path / "ok" / "0.png", draw_textured(1))
    audit = audit_folder(tmp_path, QuietProgress())
    assert audit.part_of == (0, 1)
    assert audit.trivial.together is None
