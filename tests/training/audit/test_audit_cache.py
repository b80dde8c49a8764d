"""The cache gives back what was kept, and nothing where it is damaged, foreign or out of date."""

import sqlite3

import pytest
from audit_data import draw_textured, write_picture
from audit_made import some_content

from training.audit import cache as audit_cache
from training.audit.cache import FILE_NAME, AuditCache, default_cache
from training.audit.files import scan_folder
from training.audit.parts import Control, Link, PartGroups

SHAS = ["a" * 64, "b" * 64]
GROUPS = PartGroups((0, 0), (Link(0, 1, 77, mirrored=True),), Control(9, 2, 1))


def test_contents_come_back_as_they_were(tmp_path):
    """To the last digit and byte, and only those that are asked for."""
    kept = {sha: some_content(number) for number, sha in enumerate(SHAS)}
    AuditCache(tmp_path).keep_contents(kept)
    assert AuditCache(tmp_path).contents(SHAS) == kept
    assert AuditCache(tmp_path).contents(["c" * 64]) == {}


def test_a_grouping_comes_back_for_the_same_pictures_only(tmp_path):
    """Other pictures, or other labels, are another question."""
    AuditCache(tmp_path).keep_groups(SHAS, ["bad", "ok"], GROUPS)
    again = AuditCache(tmp_path)
    assert again.groups(SHAS, ["bad", "ok"]) == GROUPS
    assert again.groups(SHAS, ["bad", "bad"]) is None
    assert again.groups(SHAS[:1], ["bad"]) is None


def test_without_a_folder_nothing_is_kept():
    """No cache is a cache that knows nothing."""
    cache = AuditCache(None)
    cache.keep_groups(SHAS, ["bad", "ok"], GROUPS)
    assert cache.groups(SHAS, ["bad", "ok"]) is None
    assert cache.fault == ""


@pytest.mark.parametrize(
    "rubbish", [b"", b"not a data base" * 500, b"SQLite format 3\0" + bytes(50)]
)
def test_a_damaged_file_is_ignored_and_made_anew(tmp_path, rubbish):
    """It costs the work, never the audit."""
    (tmp_path / FILE_NAME).write_bytes(rubbish)
    cache = AuditCache(tmp_path)
    assert cache.groups(SHAS, ["bad", "ok"]) is None
    cache.keep_groups(SHAS, ["bad", "ok"], GROUPS)
    assert AuditCache(tmp_path).groups(SHAS, ["bad", "ok"]) == GROUPS


def test_a_changed_row_is_not_believed(tmp_path):
    """A flipped bit, or a body that is something else, is not found."""
    AuditCache(tmp_path).keep_groups(SHAS, ["bad", "ok"], GROUPS)
    with sqlite3.connect(tmp_path / FILE_NAME) as base:
        base.execute("UPDATE kept SET body = replace(body, '77', '78')")
    base.close()
    assert AuditCache(tmp_path).groups(SHAS, ["bad", "ok"]) is None


def test_a_row_of_another_shape_is_not_believed(tmp_path):
    """Even with a right checksum only what parses counts."""
    cache = AuditCache(tmp_path)
    cache.keep_contents({SHAS[0]: some_content(0)})
    with sqlite3.connect(tmp_path / FILE_NAME) as base:
        base.execute("UPDATE kept SET body = ?, crc = ?", (b"{}", 2745614147))
    base.close()
    assert cache.contents(SHAS) == {}


def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    """A file stands where the folder should be: the fault has a sentence, nothing is raised."""
    (tmp_path / "taken").write_text("x")
    cache = AuditCache(tmp_path / "taken")
    cache.keep_groups(SHAS, ["bad", "ok"], GROUPS)
    assert "cannot be written" in cache.fault


def test_changed_code_finds_nothing_of_the_old(tmp_path, monkeypatch):
    """The program's own text is part of the key."""
    AuditCache(tmp_path).keep_groups(SHAS, ["bad", "ok"], GROUPS)
    monkeypatch.setattr(audit_cache, "_GROUPING", "another text")
    assert AuditCache(tmp_path).groups(SHAS, ["bad", "ok"]) is None


def test_a_second_scan_measures_nothing(tmp_path, monkeypatch):
    """Known contents are not decoded again, whatever they are called now."""
    write_picture(tmp_path / "d" / "bad" / "a.png", draw_textured(0))
    write_picture(tmp_path / "d" / "ok" / "b.png", draw_textured(1))
    first = scan_folder(tmp_path / "d", AuditCache(tmp_path / "kept"), lambda count: None)
    (tmp_path / "d" / "bad" / "a.png").rename(tmp_path / "d" / "bad" / "renamed.png")

    def refuse(data):
        raise AssertionError("measured again")

    monkeypatch.setattr("training.audit.files.measure_bytes", refuse)
    again = scan_folder(tmp_path / "d", AuditCache(tmp_path / "kept"), lambda count: None)
    assert [each.content for each in again.pictures] == [each.content for each in first.pictures]


def test_the_user_decides_where_caches_are(tmp_path, monkeypatch):
    """XDG_CACHE_HOME where it is set and absolute, else .cache at home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "linewarden"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / ".cache" / "linewarden"
