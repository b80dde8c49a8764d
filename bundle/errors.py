"""What can be wrong with a bundle or with a picture that is to be judged by it."""

from __future__ import annotations


class BundleError(Exception):
    """A bundle cannot be used; the message says why, in a sentence for a technician."""


class ManifestError(BundleError, ValueError):
    """The manifest does not say what it must."""


class OldAgentError(ManifestError):
    """The bundle is for a newer linewarden than this one."""


class ArchiveError(BundleError):
    """The archive is damaged, hostile or incomplete."""


class GoldenError(BundleError):
    """The golden frames cannot be made or read."""


class FrameError(BundleError, ValueError):
    """A picture cannot be turned into the model's input."""


class ScoreError(BundleError, ValueError):
    """The model's output is not a score that may decide about a part."""


class SignatureError(BundleError):
    """The bundle may not be trusted, or a key cannot be used."""


class SlotError(BundleError):
    """The slots do not allow this, or cannot be written."""


class SlotBusyError(SlotError):
    """Somebody else is changing the slots at this moment."""


class ReleaseError(SlotError):
    """The bundle's release number is below the floor, or too far above it."""


class StateError(SlotError):
    """What is kept of the slots is damaged."""
