"""What can go wrong on the workstation; every message is a sentence that says what to do."""

from __future__ import annotations


class TrainingError(Exception):
    """The training, or the evaluation, cannot do what it was asked to."""


class OptionError(TrainingError, ValueError):
    """An option of a run is wrong; the message names it, its value and its bound."""


class DataError(TrainingError):
    """The folder of pictures cannot be used."""


class WeightsError(TrainingError):
    """The initial weights cannot be loaded into this network."""


class DivergedError(TrainingError):
    """The loss is no longer a number; what was learned before is kept."""


class RunError(TrainingError):
    """The run folder cannot be written, read or resumed."""


class ModelError(TrainingError):
    """The model cannot be run on pictures."""
