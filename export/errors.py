"""Why a run cannot become a bundle; every message is a sentence for an engineer."""

from __future__ import annotations

from collections.abc import Sequence


class ExportError(Exception):
    """The run cannot be exported."""


class CalibrationError(ExportError):
    """There are no pictures that could set the ranges."""


class ConvertError(ExportError):
    """The network cannot be converted to TFLite."""


class QuantizeError(ExportError):
    """The int8 model is not what a device may be given."""


class FloatLeftoverError(QuantizeError):
    """Operators of the int8 model still compute in floating point; `operators` names them."""

    def __init__(self, operators: Sequence[str]) -> None:
        self.operators = tuple(operators)
        super().__init__(
            f"the int8 model still computes in floating point in {', '.join(self.operators)}: "
            "replace these layers or export with another recipe"
        )


class ParityError(ExportError):
    """The int8 model judges held-out pictures worse than its float model."""


class GoldenFramesError(ExportError):
    """There are no pictures for the golden frames."""


class SlimError(ExportError):
    """Channels cannot be taken out of this network, or not in this way."""


class BudgetError(ExportError):
    """What is asked of the small network, time or accuracy, cannot be reached."""
