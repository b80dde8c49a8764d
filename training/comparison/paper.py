"""What the paper itself reports, as far as it is known here; nothing is filled in by guessing."""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluate import Confusion

TITLE = "Modeling Product Quality with Deep Learning: A Comparative Exploration"
DEFECTIVE, GOOD = 899, 624  # its test pictures, of 8,964 in all

LEAK = (
    "its pictures were augmented before they were divided, so that copies of one part stand on "
    "both sides (697 of the vendor's 715 test pictures have their part in train/): the figures "
    "say nothing about parts never seen"
)


@dataclass(frozen=True, slots=True)
class PaperModel:
    """One row of the paper: shares as printed, None where not known, and its confusion matrix.

    `doubt` says where the paper contradicts itself.
    """

    network: str
    title: str
    accuracy: float
    confusion: Confusion
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    auc: float | None = None
    training_accuracy: float | None = None
    validation_accuracy: float | None = None
    doubt: str | None = None

    @property
    def consistent(self) -> bool:
        """Return whether the printed accuracy is that of the printed confusion matrix."""
        counted = self.confusion.accuracy
        return counted is not None and abs(counted - self.accuracy) < 0.0001


def _matrix(escapes: int, false_rejects: int) -> Confusion:
    return Confusion(tp=DEFECTIVE - escapes, fn=escapes, fp=false_rejects, tn=GOOD - false_rejects)


_CNN_DOUBT = (
    "The paper prints an accuracy of 94.68 % for its CNN, but the CNN's confusion matrix calls all "
    "1,523 pictures defective: that is 59.03 %, a one-class model. Its table has recall 59.03 % "
    "and precision 34.84 % (0.5903 squared, the averages over both classes of just such a model), "
    "which agree with the matrix and not with the accuracy."
)

# Rows stand in the order of the paper's accuracies.
MODELS = (
    PaperModel("efficientnet_b0", "EfficientNetB0", 0.9875, _matrix(17, 2)),
    PaperModel("mobilenet_v2", "MobileNetV2", 0.9836, _matrix(24, 1)),
    PaperModel(
        "cnn",
        "CNN",
        0.9468,
        _matrix(0, GOOD),
        precision=0.3484,
        recall=0.5903,
        doubt=_CNN_DOUBT,
    ),
    PaperModel("mlp_mixer", "MLP-Mixer", 0.7708, _matrix(100, 249)),
)


def find_paper_model(network: str) -> PaperModel | None:
    """Return the paper's row of a network of ours, or None where it has none."""
    return next((model for model in MODELS if model.network == network), None)


def network_title(network: str) -> str:
    """Return a network's name as people write it."""
    model = find_paper_model(network)
    return network if model is None else model.title
