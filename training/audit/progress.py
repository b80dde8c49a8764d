"""Shows how far an audit is: a bar with the time left in a terminal, a line a step elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class AuditProgress:
    """One bar over all steps; the units of work are the audit's own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> AuditProgress:  # noqa: PYI034 - Self needs Python 3.11
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, total: int) -> None:
        """Set the units of all work."""
        self._task = self._bar.add_task("", total=total)

    def step(self, name: str) -> None:
        """Say what is done now."""
        if self._task is not None:
            self._bar.update(self._task, description=name)
        if not self._console.is_terminal:
            self._console.print(f"{name} …", markup=False, highlight=False, soft_wrap=True)

    def advance(self, units: int) -> None:
        """Count units of work."""
        if self._task is not None:
            self._bar.advance(self._task, units)
