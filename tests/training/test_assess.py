"""Figures come from pictures that the model has not seen, and say what was left out."""

import json
import shutil

import cv2
import numpy as np
import pytest

from bundle.errors import ScoreError
from bundle.manifest import InputSpec, Thresholds
from training.assess import default_side, evaluate_judge, evaluation_json
from training.dataset import read_index
from training.errors import DataError
from training.scoring import Judge


def _dark_is_bad(batch):
    """Give logits by whether the picture's middle has something dark."""
    dark = (batch[:, 10:22, 10:22] < 100).any(axis=(1, 2, 3))
    return np.stack([np.where(dark, 3.0, -3.0), np.zeros(len(batch))], axis=1).astype(np.float32)


def _judge(**changes):
    values = {
        "title": "by hand",
        "infer": _dark_is_bad,
        "input": InputSpec(height=32, width=32, frame_height=40, frame_width=40),
        "labels": ("bad", "ok"),
        "defective": ("bad",),
        "thresholds": Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand"),
    }
    return Judge(**{**values, **changes})


def test_test_is_used_where_there_is_one(data, plain):
    """test/ is the default side, a plain folder is taken whole."""
    assert (default_side(data), default_side(plain)) == ("test", "all")
    assert evaluate_judge(_judge(), data).metrics.pictures == 12
    assert evaluate_judge(_judge(), data, "all").metrics.pictures == 52
    shutil.rmtree(data / "test")
    assert default_side(data) == "train"


def test_the_figures_are_those_of_the_model(plain):
    """A model that knows gives all right; its opposite gives none."""
    right = evaluate_judge(_judge(), plain)
    assert (right.metrics.accuracy, right.metrics.auc) == (1.0, 1.0)
    assert right.at_thresholds.escapes == 0
    wrong = evaluate_judge(_judge(infer=lambda batch: -_dark_is_bad(batch)), plain)
    assert (wrong.metrics.accuracy, wrong.metrics.auc) == (0.0, 0.0)
    assert wrong.at_thresholds.escapes == 10


def test_seen_pictures_are_left_out_and_counted(plain):
    """What the model learned from is not in the figures, whatever its name is now."""
    seen = frozenset(p.sha256 for p in read_index(plain).pictures if p.name < "ok")
    shutil.copy(plain / "bad" / "000.png", plain / "bad" / "another-name.png")
    evaluation = evaluate_judge(_judge(seen=seen), plain)
    assert evaluation.excluded_seen == 11
    assert evaluation.metrics.pictures == 10
    assert evaluation.metrics.recall is None
    kept = evaluate_judge(_judge(seen=seen), plain, include_seen=True)
    assert (kept.excluded_seen, kept.included_seen, kept.metrics.pictures) == (0, 11, 21)


def test_nothing_but_seen_pictures_is_refused(plain):
    """Figures from the training pictures alone are no figures."""
    seen = frozenset(picture.sha256 for picture in read_index(plain).pictures)
    with pytest.raises(DataError, match="trained on all 20 pictures"):
        evaluate_judge(_judge(seen=seen), plain)


def test_other_class_names_are_guessed_or_named(plain):
    """A folder with other names is judged by which of them mean defective."""
    (plain / "ok").rename(plain / "sound")
    assert evaluate_judge(_judge(), plain).metrics.accuracy == 1.0
    (plain / "bad").rename(plain / "left")
    assert evaluate_judge(_judge(), plain).metrics.accuracy == 1.0
    (plain / "sound").rename(plain / "right")
    with pytest.raises(DataError, match="--defective NAME"):
        evaluate_judge(_judge(), plain)
    assert evaluate_judge(_judge(), plain, defective="left").metrics.accuracy == 1.0


def test_the_named_class_is_the_positive_one(plain):
    """Naming the good class as defective turns the figures round."""
    assert evaluate_judge(_judge(), plain, defective="ok").metrics.accuracy == 0.0


def test_pictures_of_another_size_are_scaled_and_counted(plain):
    """Another size is judged all the same, and said."""
    frame = cv2.imread(str(plain / "ok" / "000.png"))
    cv2.imwrite(str(plain / "ok" / "000.png"), cv2.resize(frame, (80, 60)))
    evaluation = evaluate_judge(_judge(), plain)
    assert evaluation.other_size == 1
    assert evaluation.metrics.pictures == 20


def test_a_model_that_gives_nan_is_refused(plain):
    """What is not a number is never counted as a good part."""
    with pytest.raises(ScoreError):
        evaluate_judge(_judge(infer=lambda batch: np.full((len(batch), 2), np.nan)), plain)


def test_the_json_has_what_programs_read(plain):
    """The keys are those of the manual, and no path of this machine is among the values."""
    content = evaluation_json(evaluate_judge(_judge(), plain))
    text = json.dumps(content, allow_nan=False)
    wanted = "accuracy precision recall f1 specificity auc confusion pictures threshold intervals"
    assert {*wanted.split(), "at_thresholds", "excluded_seen"} <= content.keys()
    assert set(content["confusion"]) == {"tp", "fn", "fp", "tn"}
    assert str(plain) not in text


def test_progress_is_told(plain):
    """Whoever shows progress learns the total and each batch."""
    told = []
    evaluate_judge(_judge(), plain, begin=lambda total: told.append(total) or told.append)
    assert told[0] == 20
    assert sum(told[1:]) == 20
