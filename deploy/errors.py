"""What can go wrong with keys, trust and slots; every message is a sentence for a technician."""

from __future__ import annotations


class DeployError(Exception):
    """Something about flashing or its keys cannot be done."""


class KeyFileError(DeployError):
    """A key cannot be made, read or kept."""


class TrustError(DeployError):
    """The trust folder cannot be read or changed."""


class SlotError(DeployError):
    """The slots do not allow this, or cannot be written."""


class SlotBusyError(SlotError):
    """Somebody else is changing the slots at this moment."""


class ReleaseError(SlotError):
    """The bundle's release number is below the floor, or too far above it."""


class StateError(SlotError):
    """What is kept of the slots is damaged."""
