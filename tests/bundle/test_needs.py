"""A bundle for a newer linewarden is refused by the one it finds, which says so."""

from __future__ import annotations

import json

import pytest
from bundles import rewritten, some_manifest, write_scripted

from bundle import needs
from bundle.archive import open_archive, parse_archive
from bundle.errors import ManifestError, OldAgentError
from bundle.manifest import Manifest, manifest_bytes, parse_manifest
from bundle.needs import lowest_agent

# What the first release knew. What came later stands in `bundle.needs.SINCE`, or is `needs_agent`.
FIRST_KEYS = {
    "schema_version", "name", "version", "release", "architecture", "recipe", "input", "output",
    "labels", "defective", "thresholds", "golden_tolerance", "entries", "data", "tools", "metrics",
}  # fmt: skip


@pytest.fixture
def own(monkeypatch):
    """Return a function that makes this linewarden another version."""
    return lambda version: monkeypatch.setattr(needs, "version", lambda _: version)


def asking(needed, **changes):
    """Return the bytes of a manifest that needs a version."""
    data = json.loads(manifest_bytes(some_manifest()))
    return json.dumps(data | {"needs_agent": needed} | changes).encode()


@pytest.mark.parametrize(
    ("needed", "version"),
    [("0.9", "0.7"), ("0.9", "0.7.12"), ("0.10", "0.9.9"), ("1.0.1", "1.0"), ("2.0.0", "1.99.99"),
     ("0.9.1", "0.9.0rc1"), ("0.1", "")],
)  # fmt: skip
def test_an_older_linewarden_refuses_it_and_says_what_next(own, needed, version):
    """One line with both versions; numbers are compared, not letters."""
    own(version)
    with pytest.raises(OldAgentError) as error:
        parse_manifest(asking(needed))
    assert str(error.value) == (
        f"this model needs linewarden {needed} or newer; this is {version}: update linewarden first"
    )


@pytest.mark.parametrize(
    ("needed", "version"),
    [("0.9", "0.9"), ("0.9", "0.9.0"), ("0.9.0", "0.9"), ("0.9", "0.10"), ("0.9", "1.0.0.dev3"),
     ("0.0", "0.1.0")],
)  # fmt: skip
def test_that_version_and_all_after_it_read_it(own, needed, version):
    """And say what it needs when it is written again."""
    own(version)
    manifest = parse_manifest(asking(needed))
    assert manifest.needs_agent == needed
    assert parse_manifest(manifest_bytes(manifest)) == manifest


@pytest.mark.parametrize(
    "needed", ["9", "v9.0", "9.0.0.0", "9.0-1", "09.1", "9.0\n", "", 9, 9.0, []]
)
def test_what_is_no_version_is_refused(needed):
    """The field is named; nothing is guessed."""
    with pytest.raises(ManifestError, match="needs_agent"):
        parse_manifest(asking(needed))


def test_it_is_told_before_all_that_is_not_understood_yet():
    """A newer bundle may have keys, values and a schema that this linewarden does not know."""
    for changes in ({"schema_version": 2}, {"belt": {}}, {"input": "none"}, {"labels": 5}):
        with pytest.raises(OldAgentError, match="update linewarden first"):
            parse_manifest(asking("999.0", **changes))


def test_a_key_that_is_not_known_here_says_what_next():
    """So does a newer bundle that forgot to say what it needs."""
    for key, changes in (("belt", {"belt": 1}), ("output.bias", {"output": {"bias": 1}})):
        with pytest.raises(ManifestError, match=rf"'{key}'.*update linewarden") as error:
            parse_manifest(asking(None, **changes))
        assert "\n" not in str(error.value)


def test_bundles_of_before_stay_as_they_are(tmp_path):
    """Without the field nothing is asked, and the bytes are those that older ones read."""
    text = manifest_bytes(some_manifest())
    assert b"needs_agent" not in text
    assert parse_manifest(text).needs_agent is None
    written = open_archive(write_scripted(tmp_path / "m.lwb"))
    assert b"needs_agent" not in manifest_bytes(written.manifest)


def test_the_newest_of_what_is_used_is_what_a_bundle_needs(tmp_path):
    """A key that came later, or a version asked for; none of both: any linewarden will do."""
    since = {"belt": "0.3", "lamp": "0.10.1"}
    for data, asked, needed in (
        ({}, None, None),
        ({"belt": None}, None, None),
        ({"belt": 1}, None, "0.3"),
        ({"belt": 1, "lamp": 2}, None, "0.10.1"),
        ({"belt": 1}, "0.2", "0.3"),
        ({"belt": 1}, "0.4", "0.4"),
    ):
        assert lowest_agent(data, asked, since) == needed
    path = write_scripted(tmp_path / "m.lwb", needs_agent="0.1")
    assert open_archive(path).manifest.needs_agent == "0.1"


def test_every_key_is_of_the_first_release_or_says_since_when_it_is_read():
    """Else export would write bundles that older agents refuse without knowing why."""
    later = set(Manifest.model_fields) - FIRST_KEYS - {"needs_agent"}
    assert later == set(needs.SINCE)


def test_a_bundle_for_a_newer_linewarden_is_neither_opened_nor_written(tmp_path, own):
    """However well it is signed; whoever writes one must be new enough to read it."""
    data = write_scripted(tmp_path / "m.lwb").read_bytes()
    newer = rewritten(data, None, needs_agent="0.9")
    own("0.7")
    with pytest.raises(OldAgentError, match=r"needs linewarden 0\.9 or newer; this is 0\.7"):
        parse_archive(newer)
    (tmp_path / "n.lwb").write_bytes(newer)
    with pytest.raises(OldAgentError, match=r"n\.lwb: this model needs"):
        open_archive(tmp_path / "n.lwb")
    with pytest.raises(OldAgentError):
        write_scripted(tmp_path / "w.lwb", needs_agent="0.9")
    assert not (tmp_path / "w.lwb").exists()
    own("0.9")
    assert parse_archive(newer).manifest.needs_agent == "0.9"
