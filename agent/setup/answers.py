"""What the wizard has to know, whoever says it: a technician, or a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from agent.config.base import PathText, Section, TopicLevel
from agent.config.faults import first_fault
from agent.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STATE = "/var/lib/linewarden"


class CameraAnswers(Section):
    """Which camera, and how it sees."""

    driver: Literal["v4l2", "replay", "sim"] = "v4l2"
    device: str = ""
    folder: str = ""
    width: int = Field(640, ge=8, le=16384)
    height: int = Field(480, ge=8, le=16384)
    frame_rate: float = Field(60.0, gt=0, le=1000)
    pixels: Literal["mjpeg", "yuyv", "gray"] = "mjpeg"
    exposure_us: int | None = Field(2000, ge=100, le=10_000_000)


class GateAnswers(Section):
    """Where the gate controller is."""

    driver: Literal["controller", "sim"] = "controller"
    port: str = ""


class BrokerAnswers(Section):
    """The plant's broker; without a host results stay in the ledger."""

    host: str = ""
    port: int = Field(1883, ge=1, le=65535)
    username: str = ""
    password: bool = False
    tls: bool = False


class Answers(Section):
    """Everything that is asked."""

    site: TopicLevel = "site"
    area: TopicLevel = "area"
    line: TopicLevel = "line"
    cell: TopicLevel = "cell"
    device: TopicLevel = "device"
    camera: CameraAnswers = CameraAnswers()
    gate: GateAnswers = GateAnswers()
    delay_ms: float | None = Field(None, gt=0, le=600_000)  # None: measure it
    guard_ms: float | None = Field(None, ge=1, le=10_000)
    parts: int = Field(10, ge=3, le=100)
    bundle: str = ""  # a fixed model; without it the slots that `linewarden flash` fills
    state: PathText = STATE
    broker: BrokerAnswers = BrokerAnswers()


def read_answers(path: Path) -> Answers:
    """Read answers from a TOML file. Raises ConfigError."""
    try:
        return Answers.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the answers {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_fault(error, list(Answers.model_fields))}") from error
