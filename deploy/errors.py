"""What can go wrong with flashing, keys and trust; every message is a sentence for a technician."""

from __future__ import annotations


class DeployError(Exception):
    """Something about flashing or its keys cannot be done."""


class KeyFileError(DeployError):
    """A key cannot be made, read or kept."""


class TrustError(DeployError):
    """The trust folder cannot be read or changed."""


class LineConfigError(DeployError, ValueError):
    """The line's configuration cannot be read, or does not let a model be flashed."""


class SourceError(DeployError):
    """The new model cannot be fetched from where it was said to be."""


class FitError(DeployError):
    """The new model is not one for this line."""


class ProbeError(DeployError):
    """The new model did not pass its trial in a process of its own."""


class TakeOverError(DeployError):
    """The running agent did not take the new model over."""
