"""Show a technician how far flashing is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text


class Terminal:
    """One line per step that is done, and below them a bar with the step that runs."""

    def __init__(self, console: Console, steps: int) -> None:
        self._console = console
        self._steps, self._finished = steps, 0
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task("", total=float(steps))
            self._bar.start()

    def begin(self, step: str) -> None:
        """Say what is being done now."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self._finished, description=step)

    def part(self, done: int, total: int) -> None:
        """Move the bar within the step."""
        if self._bar is not None and total:
            self._bar.update(self._task, completed=self._finished + min(1.0, done / total))

    def done(self, result: str) -> None:
        """Write how the step ended."""
        self._finished += 1
        self._console.print(Text.assemble(("ok", "green"), f"  {result}"), soft_wrap=True)

    def close(self) -> None:
        """Take the bar away; harmless when that was done before."""
        if self._bar is not None:
            self._bar.stop()


class Silent:
    """Shows nothing: for `--json`."""

    def begin(self, step: str) -> None:
        """Show nothing."""

    def part(self, done: int, total: int) -> None:
        """Show nothing."""

    def done(self, result: str) -> None:
        """Show nothing."""
