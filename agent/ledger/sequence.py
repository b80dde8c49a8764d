"""Numbers that are never used twice, and the second opinion on what the ledger should hold."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.clock import Clock
from agent.ledger.disk import replace_durably

SEQUENCE_NAME = "sequence.json"
BLOCK = 1000
MARKS_EVERY_NS = 5_000_000_000
LARGEST_FILE = 4096


class _MarksFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    epoch: str = Field(pattern=r"^[0-9a-f]{8}$")
    reserved: int = Field(ge=0, lt=2**62)
    committed: int = Field(ge=0, lt=2**62)
    published: int = Field(ge=0, lt=2**62)
    clean: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """What the small file beside the ledger says.

    No number up to `reserved` may be given out again. Rows up to `committed` were written, those
    up to `published` were acknowledged by the broker; a ledger which knows less has lost rows.
    """

    epoch: str
    reserved: int = 0
    committed: int = 0
    published: int = 0
    clean: bool = False  # the agent closed the ledger itself


def read_marks(folder: Path) -> Marks | None:
    """Return the marks; None when the file is missing or damaged."""
    path = folder / SEQUENCE_NAME
    try:
        with path.open("rb") as file:
            parsed = _MarksFile.model_validate_json(file.read(LARGEST_FILE))
    except (OSError, ValidationError):
        return None
    return Marks(parsed.epoch, parsed.reserved, parsed.committed, parsed.published, parsed.clean)


def write_marks(folder: Path, marks: Marks) -> None:
    """Replace the marks durably. Raises OSError."""
    content = _MarksFile(
        epoch=marks.epoch,
        reserved=marks.reserved,
        committed=marks.committed,
        published=marks.published,
        clean=marks.clean,
    )
    replace_durably(folder / SEQUENCE_NAME, content.model_dump_json().encode("ascii") + b"\n")


class Sequencer:
    """Gives out sequence numbers; one lane calls it, and it does no input or output.

    It may run ahead of the reservation: no row is committed before its number is reserved.
    """

    def __init__(self, first: int) -> None:
        self._last = first - 1
        self._lock = threading.Lock()

    def next(self) -> int:
        """Return the next number."""
        with self._lock:
            self._last += 1
            return self._last

    @property
    def last(self) -> int:
        """Return the number given out last."""
        return self._last

    def skip_to(self, first: int) -> None:
        """Go on at `first`, unless the numbers are beyond it already."""
        with self._lock:
            self._last = max(self._last, first - 1)


class Reservation:
    """The marks of an open ledger, kept on disk ahead of the numbers and behind the commits."""

    def __init__(self, folder: Path, marks: Marks, clock: Clock) -> None:
        self._folder = folder
        self._marks = marks
        self._clock = clock
        self._saved_ns = clock.now_ns()

    @property
    def marks(self) -> Marks:
        """Return what the file says."""
        return self._marks

    def low(self, last: int) -> bool:
        """Tell whether fewer than half a block of numbers is reserved beyond `last`."""
        return self._marks.reserved - last < BLOCK // 2

    def due(self, committed: int, after_ns: int = MARKS_EVERY_NS) -> bool:
        """Tell whether the marks are `after_ns` old and behind the ledger."""
        late = self._clock.now_ns() - self._saved_ns >= after_ns
        return late and committed > self._marks.committed

    def extend(self, last: int) -> None:
        """Reserve a block beyond `last`, durably. Raises OSError."""
        self._save(replace(self._marks, reserved=max(self._marks.reserved, last + BLOCK)))

    def note(self, committed: int, published: int) -> None:
        """Note durably what the ledger holds. Raises OSError."""
        self._save(
            replace(
                self._marks,
                committed=max(committed, self._marks.committed),
                published=max(published, self._marks.published),
                clean=False,
            )
        )

    def close(self, last: int) -> None:
        """Give back the numbers beyond `last`: the ledger was closed cleanly. Raises OSError."""
        self._save(replace(self._marks, reserved=last, clean=True))

    def _save(self, marks: Marks) -> None:
        write_marks(self._folder, marks)
        self._marks = marks
        self._saved_ns = self._clock.now_ns()
