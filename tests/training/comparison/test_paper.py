"""The paper's numbers agree with one another where it agrees with itself, and nowhere else."""

import pytest

from training.comparison.paper import DEFECTIVE, GOOD, MODELS, find_paper_model, network_title


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.network)
def test_every_matrix_counts_all_test_pictures(model):
    """899 defective and 624 good pictures stand in each confusion matrix."""
    counts = model.confusion
    assert (counts.tp + counts.fn, counts.fp + counts.tn) == (DEFECTIVE, GOOD)


@pytest.mark.parametrize("network", ["efficientnet_b0", "mobilenet_v2", "mlp_mixer"])
def test_printed_accuracy_follows_from_the_matrix(network):
    """Three of the four models agree with their own confusion matrix to two digits."""
    model = find_paper_model(network)
    assert round(model.confusion.accuracy, 4) == model.accuracy
    assert model.consistent
    assert model.doubt is None


def test_the_cnn_contradicts_its_matrix_and_that_is_said():
    """Its matrix is a one-class model of 59.03 %; its recall and precision agree with that."""
    model = find_paper_model("cnn")
    share = model.confusion.accuracy
    assert not model.consistent
    assert (model.accuracy, round(share, 4)) == (0.9468, 0.5903)
    assert model.recall == round(share, 4)
    assert model.precision == pytest.approx(share**2, abs=1e-4)
    assert "94.68 %" in model.doubt
    assert "one-class" in model.doubt


def test_what_is_not_known_is_none():
    """Nothing is filled in: no AUC, no training or validation accuracy."""
    for model in MODELS:
        assert (model.auc, model.training_accuracy, model.validation_accuracy) == (None,) * 3


def test_titles_are_those_people_write():
    """A network that the paper does not have keeps its own name."""
    assert network_title("mlp_mixer") == "MLP-Mixer"
    assert network_title("resnet") == "resnet"
    assert find_paper_model("resnet") is None
