"""The section [gate]: one class per driver."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.config_base import PathText, Section


class ControllerGate(Section):
    """The gate controller on a serial port, speaking the framed protocol."""

    driver: Literal["controller"]
    port: PathText = Field(description="Serial port, best by its name under /dev/serial/by-id.")
    baud: int = Field(115200, ge=1200, le=4_000_000, description="Speed of the serial line.")
    wiring: Literal["energise_to_pass", "energise_to_reject"] = Field(
        "energise_to_pass", description="What the powered output does to a part."
    )
    debounce_ms: float = Field(3.0, ge=0, le=1000, description="Edges closer than this are one.")


class SimGate(Section):
    """A simulated controller with its own process, on a pty, rejecting unless told to pass."""

    driver: Literal["sim"]
    record: str = Field("", description="File for the simulated belt's own record; none if empty.")
    debounce_ms: float = Field(3.0, ge=0, le=1000, description="Edges closer than this are one.")


GateSection = Annotated[ControllerGate | SimGate, Field(discriminator="driver")]
