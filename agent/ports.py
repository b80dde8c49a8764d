"""The ports of the agent as Protocols; drivers stand beside them, one file each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from agent.records import Frame, GateNotice, GateOutcome, PassOrder, Setting, Trigger

GateEvent = Trigger | GateOutcome | GateNotice


class Camera(Protocol):
    """A source of frames. All calls come from the capture lane, `close` from anywhere."""

    def open(self) -> None:
        """Open the device. Raises CameraError."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None after `timeout_s`. Raises CameraError when lost."""
        ...

    def close(self) -> None:
        """Let go of the device; harmless when it is not open."""
        ...


@runtime_checkable
class HasSettings(Protocol):
    """A camera that reads its settings back."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Return the settings of the last opening; none before the first. Anybody may ask."""
        ...


class Engine(Protocol):
    """An interpreter with one model loaded. All calls come from one lane."""

    def input_view(self) -> NDArray[np.uint8]:
        """Return the (height, width, channels) input buffer; let go of it before `infer`."""
        ...

    def infer(self) -> NDArray[np.float32]:
        """Run the model on the input buffer; returns a fresh (labels,) array of logits.

        Raises EngineError.
        """
        ...

    def close(self) -> None:
        """Free the interpreter."""
        ...


class Gate(Protocol):
    """The reject gate, at rest rejecting. All calls come from the gate lane, `wake` from anywhere.

    A driver opens its port again by itself when it is lost; it tells so by GateNotices and raises
    only from `open`.
    """

    def open(self) -> None:
        """Open the port and agree with the controller. Raises GateError."""
        ...

    def poll(self, timeout_s: float) -> Sequence[GateEvent]:
        """Serve the line until something happened, `wake` was called or `timeout_s` is over."""
        ...

    def wake(self) -> None:
        """Make a `poll` in progress, or the next one, return at once. May be called anywhere."""
        ...

    def allow(self, order: PassOrder) -> bool:
        """Put the permission for one part on the wire; False when it can no longer be in time."""
        ...

    def recorded(self, event: Trigger | GateOutcome) -> None:
        """Say that the event's row is committed: the controller may stop repeating it."""
        ...

    def close(self) -> None:
        """Leave the gate rejecting and let go of the port."""
        ...


@runtime_checkable
class BeltStop(Protocol):
    """A gate that can also stop the belt. Called from the gate lane."""

    def let_run(self, *, may_run: bool) -> None:
        """Let the belt run, or stop it, from now on, whatever becomes of the line to it."""
        ...


class Publisher(Protocol):
    """A broker connection which keeps itself alive."""

    def start(self) -> None:
        """Begin to connect; returns at once, also without a broker."""
        ...

    def publish(self, topic: str, body: bytes, *, token: int | None, retain: bool = False) -> bool:
        """Hand over one message; False when the window is full or the broker is away.

        A message with a `token` is sent at QoS 1 and its token is returned by `confirmed` once
        the broker has acknowledged it with success.
        """
        ...

    def confirmed(self) -> Sequence[int]:
        """Return the tokens acknowledged since the last call."""
        ...

    def lost(self) -> Sequence[int]:
        """Return the tokens that will not be confirmed any more: hand them over again."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and is still there."""
        ...

    @property
    def fault(self) -> str:
        """What keeps us from publishing, in a sentence; empty when nothing does."""
        ...

    def stop(self) -> None:
        """Say good-bye and close the connection."""
        ...
