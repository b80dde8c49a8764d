"""The charts of escapes are drawn from the poorest data too."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")

from bundle.manifest import Thresholds
from training.figures import measure_all
from training.pictures import decode_picture
from training.report.charts_escapes import draw_escapes, draw_precision_recall, draw_reliability

LIMITS = Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand")
CASES = {
    "some of each": ([0.9, 0.8, 0.4, 0.3, 0.1], [True, True, False, True, False]),
    "all ties": ([0.5] * 4, [True, False] * 2),
    "no good": ([0.9, 0.1], [True, True]),
    "one picture": ([0.0], [True]),
    "no defective": ([1.0, 0.3], [False, False]),
}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_chart_is_drawn(case, known):
    """Each PNG can be read, is not empty, and is legible in size."""
    scores, truth = (np.array(column) for column in CASES[case])
    parts = np.arange(len(scores)) if known else None
    figures = measure_all(scores, truth, parts, LIMITS)
    drawn = [draw_precision_recall(scores, truth), draw_reliability(figures.calibration)]
    if figures.escapes is not None:
        drawn.append(draw_escapes(figures.escapes))
    for png in drawn:
        frame = decode_picture(png)
        assert min(frame.shape[:2]) > 300
        assert frame.std() > 5
