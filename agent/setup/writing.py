"""Answers as a configuration with comments, checked and then written in one step."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.config.document import Config, parse_config
from agent.errors import ConfigError
from agent.setup.answers import Answers
from agent.setup.delay import Delay

CREDENTIALS = "/run/credentials/linewarden.service"
_COMMAND_MS = 20.0
_UNMEASURED = Delay(400.0, 8.0, 0.0, 0)


def render(answers: Answers, delay: Delay | None = None) -> str:
    """Return the TOML text; without a delay the usual one stands in."""
    delay = delay or _known(answers)
    sections = (
        ["# Written by `linewarden setup`. Every option: linewarden check-config --explain"],
        _station(answers),
        _camera(answers),
        _model(answers),
        _timing(answers, delay),
        _gate(answers),
        _ledger(answers),
        _broker(answers),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def check(text: str, path: Path) -> Config:
    """Return the text as the agent will read it from `path`. Raises ConfigError."""
    return parse_config(text, name=str(path), folder=path.parent)


def write(text: str, path: Path) -> Path | None:
    """Write the configuration; returns where the one before is kept. Raises ConfigError."""
    check(text, path)
    try:
        return _replace(text, path)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}; type: sudo linewarden setup"
        ) from error


def _replace(text: str, path: Path) -> Path | None:
    before: Path | None = None
    status = path.stat() if path.exists() else None
    if status is not None:
        before = path.with_name(path.name + ".before")
        before.write_bytes(path.read_bytes())
        before.chmod(0o600)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), status.st_mode & 0o777 if status else 0o644)
            if status is not None:
                with suppress(PermissionError):  # who may not give it away, owns it already
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return before


def _known(answers: Answers) -> Delay:
    guard_ms = answers.guard_ms or _UNMEASURED.guard_ms
    return Delay(answers.delay_ms or _UNMEASURED.delay_ms, guard_ms, 0.0, 0)


def _text(value: str) -> str:
    # A JSON string is a TOML one, but for pairs of \u escapes and a bare DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _station(answers: Answers) -> list[str]:
    names = ("site", "area", "line", "cell", "device")
    return ["[station]", *(f"{name} = {_text(getattr(answers, name))}" for name in names)]


def _camera(answers: Answers) -> list[str]:
    camera = answers.camera
    lines = ["[camera]", f"driver = {_text(camera.driver)}"]
    if camera.driver == "replay":
        lines.append(f"folder = {_text(camera.folder)}")
    if camera.driver == "v4l2":
        lines += [
            f"device = {_text(camera.device)}",
            f"width = {camera.width}",
            f"height = {camera.height}",
            f"pixels = {_text(camera.pixels)}",
        ]
        if camera.exposure_us is not None:
            lines.append(f"exposure_us = {camera.exposure_us}")
    return [*lines, f"frame_rate = {camera.frame_rate!r}"]


def _model(answers: Answers) -> list[str]:
    if answers.bundle:
        return ["[model]", f"bundle = {_text(answers.bundle)}"]
    slots = _text(f"{answers.state}/slots")
    return ["[model]", f"slots = {slots}   # filled by: sudo linewarden flash FILE.lwb"]


def _timing(answers: Answers, delay: Delay) -> list[str]:
    guard_ms = answers.guard_ms or delay.guard_ms
    # A frame must come between two parts, and two parts may not share the gate's window.
    within_ms = max(15.0, round(1100 / answers.camera.frame_rate, 1))
    told = (
        f"   # measured with {delay.parts} parts, +-{delay.spread_ms:g} ms" if delay.parts else ""
    )
    return [
        "[timing]",
        f"delay_ms = {delay.delay_ms!r}{told}",
        f"guard_ms = {guard_ms!r}",
        f"command_ms = {_COMMAND_MS!r}",
        f"frame_within_ms = {within_ms!r}",
        f"min_pitch_ms = {max(within_ms, 2 * guard_ms) + 1!r}",
    ]


def _gate(answers: Answers) -> list[str]:
    if answers.gate.driver == "sim":
        return ["[gate]", 'driver = "sim"   # no gate at all: for trying out']
    return [
        "[gate]",
        'driver = "controller"',
        f"port = {_text(answers.gate.port)}",
        'wiring = "energise_to_pass"   # a gate without power rejects',
    ]


def _ledger(answers: Answers) -> list[str]:
    folder = _text(f"{answers.state}/ledger")
    return ["[ledger]", f"folder = {folder}", "group_ms = 20.0   # an SD card wears by commits"]


def _broker(answers: Answers) -> list[str]:
    broker = answers.broker
    if not broker.host:
        return []
    lines = ["[mqtt]", f"host = {_text(broker.host)}", f"port = {broker.port}"]
    if broker.username:
        lines.append(f"username = {_text(broker.username)}")
    if broker.password:
        lines.append(f"password_file = {_text(f'{CREDENTIALS}/mqtt-password')}")
    if broker.tls:
        lines.append(f"ca_file = {_text(f'{CREDENTIALS}/mqtt-ca')}")
    return lines
