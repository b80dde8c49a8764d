"""The conversation with the technician: on a terminal, or with answers from a file."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import typer

from agent.drill.steps import Fault
from agent.errors import DrillError

MAX_BYTES = 65_536
SIGN = "sign"


class Talk(Protocol):
    """Whoever answers. `serve` is called again and again while somebody thinks."""

    def say(self, text: str) -> None:
        """Tell the technician something."""
        ...

    def ready(self, fault: Fault, what: str, serve: Callable[[], None]) -> None:
        """Wait until `what` has been done."""
        ...

    def diverted(self, fault: Fault, question: str, serve: Callable[[], None]) -> bool | None:
        """Ask whether the gate diverted; None where the step is left out."""
        ...

    def signature(self, question: str) -> str:
        """Return the name that the record is signed with."""
        ...


class Terminal:
    """A technician at a terminal."""

    def say(self, text: str) -> None:
        """Print it."""
        typer.echo(text)

    def ready(self, fault: Fault, what: str, serve: Callable[[], None]) -> None:
        """Wait for Enter."""
        del fault
        typer.echo(f"  {what} Then press Enter.")
        _line(serve)

    def diverted(self, fault: Fault, question: str, serve: Callable[[], None]) -> bool | None:
        """Ask until the answer is y, n or s."""
        del fault
        while True:
            typer.echo(f"  {question} [y]es, [n]o, [s]kip: ", nl=False)
            answer = _line(serve).strip().lower()[:1]
            if answer in {"y", "n", "s"}:
                return {"y": True, "n": False, "s": None}[answer]

    def signature(self, question: str) -> str:
        """Ask for the name."""
        typer.echo(question, nl=False)
        return _line(lambda: None).strip()


class Answers:
    """Answers from a JSON file: {"cable_out": "y", ..., "sign": "Anna"}; what is missing is `s`."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                answers = json.loads(file.read(MAX_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            raise DrillError(f"--answers {path} cannot be read: {error}") from error
        known = {SIGN, *(fault.value for fault in Fault)}
        if not isinstance(answers, dict) or not answers.keys() <= known:
            raise DrillError(f"--answers {path}: its keys are {', '.join(sorted(known))}")
        wrong = [key for key in answers if key != SIGN and answers[key] not in ("y", "n", "s")]
        if wrong or not isinstance(answers.get(SIGN, ""), str):
            raise DrillError(f"--answers {path}: an answer is y, n or s, and `sign` is a name")
        self._answers: dict[str, str] = answers

    def say(self, text: str) -> None:
        """Print it."""
        typer.echo(text)

    def ready(self, fault: Fault, what: str, serve: Callable[[], None]) -> None:
        """Go on at once."""
        del fault
        typer.echo(f"  {what}")
        serve()

    def diverted(self, fault: Fault, question: str, serve: Callable[[], None]) -> bool | None:
        """Return what the file says."""
        serve()
        answer = self._answers.get(fault.value, "s")
        typer.echo(f"  {question} {answer}")
        return {"y": True, "n": False, "s": None}[answer]

    def signature(self, question: str) -> str:
        """Return what the file says."""
        typer.echo(question)
        return self._answers.get(SIGN, "")


def _line(serve: Callable[[], None]) -> str:
    """Return the next line of standard input; serves meanwhile. Raises DrillError at its end."""
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        serve()
    line = sys.stdin.readline()
    if not line:
        raise DrillError("nobody answers any more: start the drill again, it goes on where it was")
    return line
