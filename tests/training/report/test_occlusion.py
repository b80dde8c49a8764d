"""Where hiding a patch lowers the score, there the model looked; elsewhere the map stays cold."""

import numpy as np
import pytest

from training.report.occlusion import occlusion_maps


def _brightest(batch):
    """Give logits by the brightest pixel of each picture."""
    strongest = batch.max(axis=(1, 2, 3)) / 10.0
    return np.stack([strongest, np.zeros(len(batch))], axis=1).astype(np.float32)


@pytest.mark.parametrize("place", [(10, 50), (40, 30), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_heat_lies_on_what_the_score_hangs_on(place, channels):
    """The one bright spot is hottest, also at a border; far from it nothing matters."""
    picture = np.full((64, 64, channels), 20, np.uint8)
    row, column = place
    picture[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = 250
    heat = occlusion_maps(_brightest, picture[np.newaxis], [0])[0]
    assert heat.shape == (64, 64)
    assert heat.max() == 1.0
    hottest = np.array(np.unravel_index(heat.argmax(), heat.shape))
    assert np.abs(hottest - place).max() <= 6
    assert heat[63 - row, 63 - column] < 0.01


def test_a_score_that_hangs_on_nothing_is_pale():
    """Drops of less than one logit are not blown up to look like a find."""
    pictures = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 1)).astype(np.uint8)
    heat = occlusion_maps(lambda batch: _brightest(batch) / 100.0, pictures, [0])
    assert heat.max() < 0.2


def test_the_margin_turns_with_the_label():
    """For the other label hiding the spot raises the score: no heat at all."""
    picture = np.full((1, 64, 64, 1), 20, np.uint8)
    picture[0, 30:33, 30:33] = 250
    assert occlusion_maps(_brightest, picture, [1]).max() == 0.0
