"""Every chart is a picture with something on it, also from the poorest data."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")

from bundle.manifest import Thresholds
from training.charts import draw_confusion, draw_history, draw_roc, draw_scores
from training.evaluate import count_band, measure_scores
from training.pictures import decode_picture
from training.run_folder import EpochRecord

SCORES = np.array([0.9, 0.8, 0.4, 0.3, 0.1])
TRUTH = np.array([True, True, False, True, False])
BAND = count_band(SCORES, TRUTH, Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand"))


def _record(epoch, phase):
    return EpochRecord(
        epoch=epoch, phase=phase, size=32, learning_rate=0.1, loss=1 / epoch, accuracy=0.8,
        val_loss=1.1 / epoch, val_accuracy=0.7, pictures_per_s=9.0, duration_s=4.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "png",
    [
        lambda: draw_history([_record(1, "head"), _record(2, "all"), _record(3, "all")]),
        lambda: draw_history([_record(1, "head")]),
        lambda: draw_confusion(measure_scores(SCORES, TRUTH)),
        lambda: draw_roc(SCORES, TRUTH, measure_scores(SCORES, TRUTH), BAND),
        lambda: draw_scores(SCORES, TRUTH, BAND),
        lambda: draw_scores(SCORES[TRUTH], TRUTH[TRUTH]),
        lambda: draw_roc(SCORES[TRUTH], TRUTH[TRUTH], measure_scores(SCORES[TRUTH], TRUTH[TRUTH])),
    ],
)
def test_a_chart_is_drawn(png):
    """The PNG can be read, is not empty, and is legible in size."""
    frame = decode_picture(png())
    assert min(frame.shape[:2]) > 300
    assert frame.std() > 5
