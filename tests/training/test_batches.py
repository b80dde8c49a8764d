"""Batches hold every picture once an epoch, and the same epoch gives the same batches."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from training.batches import PictureBatches, class_weights, draw_evenly
from training.config import Augmentation
from training.dataset import read_index
from training.pictures import load_picture

pytestmark = pytest.mark.train

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


def _batches(data, **options):
    index = read_index(data, "train")
    return index, PictureBatches(data, index.pictures, SPEC, index.labels, batch=16, **options)


def test_pictures_come_as_prepare_gives_them(data):
    """Without variation a batch is exactly what the device would see."""
    index, batches = _batches(data)
    inputs, truths, weights = batches[1]
    for row, picture in enumerate(index.pictures[16:32]):
        expected = prepare_frame(load_picture(data / picture.name), SPEC)
        assert np.array_equal(inputs[row], expected)
        assert truths[row].argmax() == index.labels.index(picture.label)
    assert inputs.dtype == np.uint8
    assert weights.tolist() == [1.0] * 16


def test_an_epoch_has_every_picture_once(data):
    """The last batch is a short one, nothing is dropped or repeated."""
    _, batches = _batches(data, seed=1)
    batches.start_epoch(3)
    assert [len(batches[step][0]) for step in range(len(batches))] == [16, 16, 8]
    rows = np.concatenate([batches[step][0] for step in range(len(batches))])
    assert len({row.tobytes() for row in rows}) == 40


def test_an_epoch_can_be_repeated(data):
    """Order and variation depend on seed and epoch alone: a resumed run sees the same."""
    _, batches = _batches(data, seed=1, augmentation=Augmentation())
    batches.start_epoch(2)
    first = batches[0]
    batches.start_epoch(3)
    other = batches[0]
    _, again = _batches(data, seed=1, augmentation=Augmentation())
    again.start_epoch(2)
    again[2]  # asked in another order, as threads may
    assert np.array_equal(first[0], again[0][0])
    assert not np.array_equal(first[0], other[0])


def test_class_weights_balance(data):
    """Three pictures of one class weigh as much as one of the other; the mean is one."""
    pictures = read_index(data, "train").pictures[:20] * 3 + read_index(data, "train").pictures[20:]
    weights = class_weights(pictures, ("bad", "ok"))
    assert weights == {"bad": 80 / 120, "ok": 80 / 40}
    _, batches = _batches(data, weights=weights)
    assert set(batches[0][2].tolist()) == {np.float32(80 / 120)}


def test_parts_weigh_the_same_whatever_their_number_of_pictures(data):
    """A part photographed often is drawn as often as one photographed once, label by label."""
    pictures = read_index(data, "train").pictures
    parts = [0 if picture.label == "bad" and place % 20 else 1 + place
             for place, picture in enumerate(pictures)]  # fmt: skip
    shares = draw_evenly(pictures, parts, 64).shares
    by_label = {label: sum(share for share, each in zip(shares, pictures, strict=True)
                           if each.label == label) for label in ("bad", "ok")}  # fmt: skip
    assert by_label == pytest.approx({"bad": 0.5, "ok": 0.5})
    often = sum(share for share, part in zip(shares, parts, strict=True) if part == 0)
    assert often == pytest.approx(0.5 / len({p for p, e in zip(parts, pictures, strict=True)
                                             if e.label == "bad"}))  # fmt: skip


def test_a_drawn_epoch_has_its_size_and_can_be_repeated(data):
    """So many pictures, with repeats, the same ones for the same epoch, varied each for itself."""
    pictures = read_index(data, "train").pictures
    drawing = draw_evenly(pictures, [None] * len(pictures), 100)
    _, batches = _batches(data, drawing=drawing, seed=3, augmentation=Augmentation())
    batches.start_epoch(1)
    inputs = np.concatenate([batches[step][0] for step in range(len(batches))])
    assert len(inputs) == batches.epoch_pictures == 100
    assert len({each.tobytes() for each in inputs}) > 90
    again = _batches(data, drawing=drawing, seed=3, augmentation=Augmentation())[1]
    again.start_epoch(1)
    assert np.array_equal(again[3][0], batches[3][0])


def test_some_good_parts_get_a_defect_and_count_as_bad(data):
    """Labels follow what was drawn, and the good ones left weigh what all of them weighed."""
    bad_first = {"augmentation": Augmentation(defects=0.5), "defective": ("bad",), "seed": 2}
    index, batches = _batches(data, **bad_first)
    good = sum(picture.label == "ok" for picture in index.pictures)
    spoiled = kept = 0
    weight = 0.0
    for step in range(len(batches)):
        _, truths, weights = batches[step]
        spoiled += int(truths[:, 0].sum())
        kept += int(truths[:, 1].sum())
        weight += float(weights[truths[:, 1] == 1.0].sum())
    assert spoiled - (len(index.pictures) - good) == good - kept
    assert 0 < kept < good
    assert weight == pytest.approx(2.0 * kept)


def test_nothing_is_drawn_where_bad_labels_are_unknown_or_to_validate(data):
    """Without the names of the bad classes, or without variation, every label stays."""
    for options in ({"augmentation": Augmentation(defects=0.9)}, {"defective": ("bad",)}):
        index, batches = _batches(data, **options)
        truths = np.concatenate([batches[step][1] for step in range(len(batches))])
        good = sum(picture.label == "ok" for picture in index.pictures)
        assert truths[:, 1].sum() == good
