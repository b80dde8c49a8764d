"""What can go wrong with flashing, keys and trust; every message is a sentence for a technician."""

from __future__ import annotations


class DeployError(Exception):
    """Something about flashing or its keys cannot be done."""


class KeyFileError(DeployError):
    """A key cannot be made, read or kept."""


class TrustError(DeployError):
    """The trust folder cannot be read or changed."""
