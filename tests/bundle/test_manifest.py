"""What an archive says of its model."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bundle.errors import ManifestError
from bundle.manifest import (
    DataFacts,
    InputSpec,
    Manifest,
    Region,
    Thresholds,
    manifest_bytes,
    parse_manifest,
)


def some_manifest(**changes):
    """Return a valid manifest, changed."""
    fields = {
        "name": "casting",
        "version": "1.0.0",
        "release": 3,
        "architecture": "mobilenet_v2",
        "recipe": "int8",
        "input": InputSpec(height=224, width=224, frame_height=300, frame_width=300),
        "labels": ("def_front", "ok_front"),
        "defective": ("def_front",),
        "thresholds": Thresholds(reject_at=0.5, recheck_at=0.3, chosen="by hand"),
        "golden_tolerance": 0.1,
        "entries": {},
        "data": DataFacts(fingerprint="0" * 64, pictures=10),
        "tools": {"keras": "3"},
        "metrics": {"accuracy": 0.99},
    }
    return Manifest(**(fields | changes))


def as_data(manifest=None):
    """Return a manifest as JSON data that a test may spoil."""
    return json.loads(manifest_bytes(manifest or some_manifest()))


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)


@given(
    names,
    names,
    st.integers(1, 2**31 - 1),
    st.lists(names, min_size=2, max_size=6, unique=True),
    st.floats(0, 1),
    st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
)
def test_what_is_written_is_read_back(name, version, release, labels, reject_at, metrics):
    """Any valid manifest survives the way to bytes and back, byte for byte."""
    manifest = some_manifest(
        name=name,
        version=version,
        release=release,
        labels=tuple(labels),
        defective=(labels[0],),
        thresholds=Thresholds(reject_at=reject_at, recheck_at=reject_at / 2, chosen="x"),
        metrics=metrics,
    )
    text = manifest_bytes(manifest)
    assert parse_manifest(text) == manifest
    assert manifest_bytes(parse_manifest(text)) == text


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_cleanly(text):
    """Garbage raises ManifestError and nothing else."""
    with pytest.raises(ManifestError):
        parse_manifest(text)


@given(st.data())
def test_a_flipped_byte_never_crashes_the_parser(data):
    """A damaged manifest is refused or is another valid manifest; no other error comes out."""
    text = bytearray(manifest_bytes(some_manifest()))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    try:
        parse_manifest(bytes(text))
    except ManifestError:
        return


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.0, True])
def test_another_schema_version_is_named(version):
    """The error says which schema came and what to do."""
    data = as_data() | {"schema_version": version}
    if version == 1.0 and not isinstance(version, bool):
        data["schema_version"] = 1.5
    with pytest.raises(ManifestError, match="schema version"):
        parse_manifest(json.dumps(data).encode())


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("extra", 1, "extra"),
        ("release", 0, "release"),
        ("release", "3", "release"),
        ("name", "../x", "name"),
        ("labels", ["a"], "labels"),
        ("labels", ["def_front", "def_front"], "twice"),
        ("defective", ["nothing"], "nothing"),
        ("defective", ["def_front", "ok_front"], "good part"),
        ("thresholds", {"reject_at": 0.2, "recheck_at": 0.3, "chosen": ""}, "recheck_at"),
        ("thresholds", {"reject_at": 1.2, "recheck_at": 0.3, "chosen": ""}, "reject_at"),
        ("golden_tolerance", -1, "golden_tolerance"),
        ("entries", {"model.tflite": {"size": 1, "sha256": "abc"}}, "sha256"),
    ],
)
def test_a_wrong_field_is_named(key, value, says):
    """The error of a wrong value names the field."""
    with pytest.raises(ManifestError, match=says):
        parse_manifest(json.dumps(as_data() | {key: value}).encode())


@pytest.mark.parametrize("key", sorted(set(as_data()) - {"schema_version", "output"}))
def test_every_field_is_needed(key):
    """A manifest without one of its fields is refused and the field is named."""
    data = as_data()
    del data[key]
    with pytest.raises(ManifestError, match=key):
        parse_manifest(json.dumps(data).encode())


def test_hostile_json_is_refused():
    """Keys given twice, NaN, deep nesting and huge files are refused before they are used."""
    text = manifest_bytes(some_manifest())
    for bad in (
        text.replace(b'"release": 3', b'"release": 3, "release": 4'),
        text.replace(b'"release": 3', b'"release": NaN'),
        text.replace(b'"release": 3', b'"release": ' + b"[" * 20 + b"]" * 20),
        b"[" * 200_000,
        b"[1]",
        b"null",
        text + b" " * 300_000,
    ):
        with pytest.raises(ManifestError):
            parse_manifest(bad)


def test_the_defective_labels_are_found_by_their_places():
    """The model's outputs have no names: the score is the sum of those at these places."""
    manifest = some_manifest(labels=("ok", "scratch", "bubble"), defective=("bubble", "scratch"))
    assert manifest.defective_indices == (1, 2)


def test_brackets_in_a_text_are_no_nesting():
    """Only structure counts as depth, not what stands inside of a string."""
    note = DataFacts(fingerprint="0" * 64, pictures=1, note='[[["{{{\\' * 20)
    manifest = some_manifest(data=note)
    assert parse_manifest(manifest_bytes(manifest)) == manifest


def test_a_region_outside_of_the_frame_is_refused():
    """The region must lie inside of the frames that the model was trained with."""
    with pytest.raises(ValidationError, match="outside"):
        InputSpec(
            height=32,
            width=32,
            frame_height=100,
            frame_width=100,
            region=Region(x=60, y=0, width=50, height=50),
        )


def test_gray_means_one_channel():
    """Colour and channels must agree."""
    with pytest.raises(ValidationError, match="channels"):
        InputSpec(height=32, width=32, channels=3, frame_height=100, frame_width=100)
