"""How good parts look: bins that hold every part once, and nothing but a distribution is read."""

from __future__ import annotations

import json

import pytest
from bundles import some_manifest, write_scripted
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bundle.archive import open_archive
from bundle.errors import ManifestError
from bundle.manifest import manifest_bytes, parse_manifest
from bundle.reference import FigureReference, LineReference, cut

LIGHT = FigureReference(edges=(100.0, 120.0), shares=(0.25, 0.5, 0.25), parts=40)
KNOWN = LineReference(gray=True, brightness=LIGHT)


def test_a_bundle_carries_it_and_says_which_linewarden_reads_it(tmp_path):
    """What is read is what was written; without one the key is not there."""
    manifest = open_archive(write_scripted(tmp_path / "m.lwb", reference=KNOWN)).manifest
    assert manifest.reference == KNOWN
    assert manifest.needs_agent == "0.1"
    assert manifest.reference.figures == {"brightness": LIGHT}
    assert b"reference" not in manifest_bytes(some_manifest())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"edges": []}, "edges"),
        ({"edges": [120.0, 100.0]}, "not in order"),
        ({"edges": [100.0, 100.0]}, "not in order"),
        ({"edges": [float(at) for at in range(64)]}, "edges"),
        ({"shares": [0.5, 0.5]}, "do not go with"),
        ({"shares": [0.25, 0.5, 0.2]}, "add up to 1"),
        ({"shares": [0.25, 0.5, 0.250002]}, "add up to 1"),
        ({"shares": [-0.5, 1.0, 0.5]}, "add up to 1"),
        ({"parts": 0}, "parts"),
        ({"parts": 10**8}, "parts"),
        ({"parts": 40.0}, "parts"),
        ({"unit": "gray"}, "unit"),
    ],
)
def test_what_is_no_distribution_is_refused(changes, said):
    """In one line that names the key: a damaged one must not silence the watch."""
    data = json.loads(manifest_bytes(some_manifest(reference=KNOWN)))
    data["reference"]["brightness"] |= changes
    with pytest.raises(ManifestError, match=rf"reference\.brightness.*{said}"):
        parse_manifest(json.dumps(data).encode())


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_refused(text):
    """However JSON's readers like it."""
    data = manifest_bytes(some_manifest(reference=KNOWN)).replace(b"120.0", text.encode())
    with pytest.raises(ManifestError):
        parse_manifest(data)


def test_whether_the_pictures_had_colour_must_be_said():
    """Else nobody knows what was measured."""
    with pytest.raises(ValidationError, match="gray"):
        LineReference.model_validate({"score": None})


values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


@given(values, st.booleans())
def test_bins_hold_all_the_weight(found, beyond):
    """Ties, constants and single values too; beyond either end nothing was seen."""
    edges, shares = cut(found, [1.0] * len(found), beyond=beyond)
    FigureReference(edges=edges, shares=shares, parts=len(found))
    if beyond:
        assert (shares[0], shares[-1]) == (0, 0)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(1, 5)), min_size=1, max_size=60))
def test_a_weight_is_a_number_of_values(pairs):
    """A value of weight three is the value three times."""
    repeated = [value for value, times in pairs for _ in range(times)]
    edges, shares = cut([value for value, _ in pairs], [float(times) for _, times in pairs])
    same_edges, same_shares = cut(repeated, [1.0] * len(repeated))
    assert edges == same_edges
    assert shares == pytest.approx(same_shares)


def test_without_bins_beyond_the_top_one_holds_what_is_higher_too():
    """A defective part's score is no score that was never seen."""
    edges, shares = cut([at / 100 for at in range(100)], [1.0] * 100, beyond=False)
    assert edges == tuple(at / 10 for at in range(1, 10))
    assert shares == pytest.approx([0.1] * 10)
