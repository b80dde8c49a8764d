"""Whatever makes the figures flatter is said before them."""

import numpy as np
import pytest

from bundle.manifest import InputSpec
from training.assess import evaluate_judge
from training.dataset import read_index
from training.report.caveats import claimable_text, list_caveats
from training.scoring import Judge


def _said(root, *, include_seen=False, **changes):
    values = {
        "title": "by hand",
        "infer": lambda batch: np.tile(np.array([[3.0, 0.0]], np.float32), (len(batch), 1)),
        "input": InputSpec(height=32, width=32, frame_height=40, frame_width=40),
        "labels": ("bad", "ok"),
        "defective": ("bad",),
        "thresholds": None,
    }
    evaluation = evaluate_judge(Judge(**{**values, **changes}), root, include_seen=include_seen)
    return "\n".join(list_caveats(evaluation))


def test_a_one_class_model_is_named(plain):
    """The paper's CNN called every part defective, and nobody said so."""
    assert "every picture is called defective" in _said(plain)


def test_unknown_parts_are_named(plain):
    """Without parts, intervals take pictures for parts."""
    said = _said(plain)
    assert "same part is not known" in said
    assert "598" not in said


def test_parts_seen_in_other_pictures_are_named(plain):
    """Parts are known, and not whether the training kept away from them."""
    hashes = [picture.sha256 for picture in read_index(plain).pictures]
    parts = {sha256: place // 2 for place, sha256 in enumerate(hashes)}
    said = _said(plain, part_of=parts)
    assert "may have seen some of them" in said
    assert "5 defective parts without one escape show a rate below 45.07% at 95 %" in said
    safe = _said(plain, part_of=parts, split_test=frozenset(hashes))
    assert "may have seen some of them" not in safe


def test_a_part_under_both_labels_is_named(plain):
    """One number for all pictures: the part is defective and good."""
    said = _said(plain, part_of={p.sha256: 1 for p in read_index(plain).pictures})
    assert "1 parts stand under both labels" in said


def test_seen_pictures_come_first(plain):
    """The gravest caveat is said before the others."""
    seen = frozenset([read_index(plain).pictures[0].sha256])
    kept = _said(plain, seen=seen, include_seen=True)
    assert kept.startswith("1 pictures were seen in training: the figures flatter")
    assert "left out of the figures" in _said(plain, seen=seen)


@pytest.mark.parametrize(("parts", "rate"), [(59, "4.95%"), (299, "1.00%"), (598, "0.50%")])
def test_what_so_many_parts_can_show(parts, rate):
    """The rule of three, exactly, and what half a percent would need."""
    text = claimable_text(parts)
    assert f"below {rate}" in text
    assert text.endswith("below 0.5% needs 598")
