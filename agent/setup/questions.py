"""Asks the technician, with what was found as the answers to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.prompt import Confirm, FloatPrompt, IntPrompt, Prompt

from agent.setup.answers import Answers, BrokerAnswers, CameraAnswers, GateAnswers
from agent.setup.devices import Found


class Asker:
    """Prompts on a terminal; tests give it a stream of lines."""

    def __init__(self, console: Console, stream: TextIO | None = None) -> None:
        self.console = console
        self._stream = stream

    def text(self, question: str, default: str) -> str:
        """Return a line; Enter takes the default."""
        return str(Prompt.ask(question, console=self.console, default=default, stream=self._stream))

    def whole(self, question: str, default: int) -> int:
        """Return a whole number."""
        return IntPrompt.ask(question, console=self.console, default=default, stream=self._stream)

    def number(self, question: str, default: float) -> float:
        """Return a number."""
        return FloatPrompt.ask(question, console=self.console, default=default, stream=self._stream)

    def yes(self, question: str, *, default: bool) -> bool:
        """Return whether the answer is yes."""
        return Confirm.ask(question, console=self.console, default=default, stream=self._stream)

    def one_of(self, what: str, found: Sequence[Found], otherwise: str) -> str:
        """Return the path of one of the devices found, or one that is typed."""
        if not found:
            self.console.print(f"No {what} was found; is it plugged in? Name it by hand.")
            return self.text(what, otherwise)
        for number, one in enumerate(found, 1):
            same = "" if one.path == one.node else f"  ({one.node} just now)"
            self.console.print(f"  {number}  {one.path}{same}")
        numbers = [str(number) for number in range(1, len(found) + 1)]
        chosen = Prompt.ask(
            what, console=self.console, choices=numbers, default="1", stream=self._stream
        )
        return found[int(chosen) - 1].path


def ask_all(asker: Asker, cameras: Sequence[Found], ports: Sequence[Found], device: str) -> Answers:
    """Return the technician's answers; `device` is what this computer is called."""
    say = asker.console.print
    say("[bold]1. Where this device stands[/bold] (these names become the MQTT topic)")
    names = {
        name: asker.text(name, device if name == "device" else name)
        for name in ("site", "area", "line", "cell", "device")
    }
    say("[bold]2. The camera[/bold]")
    camera = _ask_camera(asker, cameras)
    say("[bold]3. The gate controller[/bold] (relays: see docs/gates.md, and edit the file)")
    gate = GateAnswers(port=asker.one_of("serial port", ports, "/dev/linewarden/gate"))
    say("[bold]4. The delay from the photo-eye to the gate[/bold]")
    delay_ms = None
    if not asker.yes("Measure it with ten parts, one at a time?", default=True):
        delay_ms = asker.number("delay in milliseconds", 400.0)
    say("[bold]5. The plant's broker[/bold]")
    broker = _ask_broker(asker)
    asked = Answers(camera=camera, gate=gate, delay_ms=delay_ms, broker=broker)
    return Answers.model_validate({**asked.model_dump(), **names})


def _ask_camera(asker: Asker, cameras: Sequence[Found]) -> CameraAnswers:
    return CameraAnswers(
        device=asker.one_of("camera", cameras, "/dev/linewarden/camera"),
        width=asker.whole("width that the model was trained with", 640),
        height=asker.whole("height", 480),
        frame_rate=asker.number("frames per second", 60.0),
        exposure_us=asker.whole("exposure in microseconds", 2000),
    )


def _ask_broker(asker: Asker) -> BrokerAnswers:
    host = asker.text("broker (empty: results stay in the ledger)", "")
    if not host:
        return BrokerAnswers()
    tls = asker.yes("TLS?", default=True)
    username = asker.text("user name (empty: none)", "")
    return BrokerAnswers(
        host=host,
        port=asker.whole("port", 8883 if tls else 1883),
        username=username,
        password=bool(username) and asker.yes("with a password?", default=True),
        tls=tls,
    )
