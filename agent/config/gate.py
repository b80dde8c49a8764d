"""The section [gate]: one class per driver."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent.config.base import PathText, Section
from agent.config.encoder import EncodedGate

Wiring = Literal["energise_to_pass", "energise_to_reject"]


class VerifiedGate(Section):
    """What a controller needs to know of a second photo-eye, which sees where the parts went."""

    second_eye: Literal["none", "bin", "passed"] = Field(
        "none", description="Where it looks: at the parts diverted, or at those let through."
    )
    second_eye_ms: float = Field(
        200.0, gt=0, le=60_000, description="From the gate to the second photo-eye."
    )
    second_eye_guard_ms: float = Field(
        50.0, gt=0, le=10_000, description="A part may be so early or late there."
    )
    on_disagreement: Literal["tell", "latch", "stop"] = Field(
        "tell",
        description="Only say so, divert everything until a person resumes, or stop the belt as "
        "well.",
    )
    stop_unheard: bool = Field(
        False,
        description="With stop: the belt also stands while the controller hears nothing of us.",
    )

    @model_validator(mode="after")
    def _sees(self) -> VerifiedGate:
        if self.stops and self.second_eye == "none":
            raise ValueError(
                'on_disagreement "stop" needs second_eye: without one nobody sees where the parts '
                "went, and the belt would never be stopped"
            )
        if self.stop_unheard and not self.stops:
            raise ValueError('stop_unheard needs on_disagreement "stop": nothing else stops a belt')
        return self

    @property
    def latches(self) -> bool:
        """Whether a disagreement stops all passing."""
        return self.on_disagreement != "tell"

    @property
    def stops(self) -> bool:
        """Whether a disagreement stops the belt, and the controller must be able to."""
        return self.on_disagreement == "stop"

    def clash(self, *, min_pitch_ms: float, guard_ms: float) -> str:
        """Return why the second photo-eye cannot tell the parts apart; empty when it can."""
        del guard_ms
        if self.second_eye == "none":
            return ""
        if 2 * self.second_eye_guard_ms > min_pitch_ms:
            return (
                f"gate.second_eye_guard_ms {self.second_eye_guard_ms:g} is more than half of "
                f"timing.min_pitch_ms {min_pitch_ms:g}: what it sees could be either part"
            )
        return ""


class ControllerGate(VerifiedGate, EncodedGate):
    """The gate controller on a serial port, speaking the framed protocol."""

    driver: Literal["controller"]
    port: PathText = Field(description="Serial port, best by its name under /dev/serial/by-id.")
    baud: int = Field(115200, ge=1200, le=4_000_000, description="Speed of the serial line.")
    wiring: Wiring = Field(
        "energise_to_pass", description="What the powered output does to a part."
    )
    debounce_ms: float = Field(3.0, ge=0, le=1000, description="Edges closer than this are one.")

    def clash(self, *, min_pitch_ms: float, guard_ms: float) -> str:
        """Return why photo-eye and encoder cannot do what they are to do; empty when they can."""
        if self.by_place and self.second_eye != "none":
            return (
                "gate.second_eye looks for parts by time, and with gate.delay_ticks the belt may "
                "stand between gate and second photo-eye: take one of the two out"
            )
        return self.speed_clash(guard_ms=guard_ms) or super().clash(
            min_pitch_ms=min_pitch_ms, guard_ms=guard_ms
        )


class SimGate(VerifiedGate):
    """A simulated controller with its own process, on a pty, rejecting unless told to pass."""

    driver: Literal["sim"]
    record: str = Field("", description="File for the simulated belt's own record; none if empty.")
    flap: Literal["sound", "stuck_shut", "stuck_open"] = Field(
        "sound", description="A flap that does not obey its controller, for trying out."
    )
    debounce_ms: float = Field(3.0, ge=0, le=1000, description="Edges closer than this are one.")


class RelaySection(Section):
    """What all relays share: this computer says when a pulse begins, by its own clock."""

    driver: str
    port: PathText = Field(description="Serial port, best by its name under /dev/serial/by-id.")
    wiring: Wiring = Field(
        "energise_to_pass", description="What the powered output does to a part."
    )
    pulse_ms: int = Field(100, ge=1, le=60_000, description="How long the output works on a part.")
    lead_ms: float = Field(
        20.0, ge=0, le=1000, description="Sent so long ahead: what line and relay take at worst."
    )
    release_ms: float = Field(
        20.0, ge=0, le=10_000, description="What relay and flap take to fall back after a pulse."
    )

    @property
    def latches(self) -> bool:
        """Whether a disagreement stops all passing: no relay has a second photo-eye."""
        return False

    @property
    def stops(self) -> bool:
        """Whether a disagreement stops the belt: no relay has an output for that."""
        return False

    @property
    def pulse_passes(self) -> bool:
        """Whether a pulse lets a part through; else it diverts one."""
        return self.wiring == "energise_to_pass"

    @property
    def step_ms(self) -> int:
        """The finest step of a pulse's length."""
        return 1

    def clash(
        self, *, delay_ms: float, guard_ms: float, command_ms: float, min_pitch_ms: float
    ) -> str:
        """Return why these pulses do not go with the section [timing]; empty when they do."""
        least_ms = self.lead_ms + 2 * guard_ms
        if self.pulse_ms < least_ms:
            return (
                f"gate.pulse_ms {self.pulse_ms} is shorter than the gate's window with "
                f"gate.lead_ms ({least_ms:g} ms): a part at its end would be missed"
            )
        taken_ms = self.pulse_ms + 2 * guard_ms + self.release_ms
        if taken_ms >= min_pitch_ms:
            return (
                f"timing.min_pitch_ms {min_pitch_ms:g} is too short for gate.pulse_ms "
                f"{self.pulse_ms} (with guard and release {taken_ms:g} ms): two parts would share "
                "a pulse"
            )
        if self.lead_ms > command_ms:
            return (
                f"timing.command_ms {command_ms:g} is shorter than gate.lead_ms {self.lead_ms:g}: "
                "verdicts would be allowed that come too late for the relay"
            )
        if delay_ms < min_pitch_ms + guard_ms + self.lead_ms:
            return (
                f"timing.delay_ms {delay_ms:g} is shorter than min_pitch_ms + guard_ms + "
                "gate.lead_ms: a pulse would begin before the next part can be seen"
            )
        return self._own_clash(min_pitch_ms)

    def _own_clash(self, min_pitch_ms: float) -> str:
        """Return what else the driver has against it."""
        del min_pitch_ms
        return ""


class ModbusGate(RelaySection):
    """A Modbus-RTU relay board with flash-on: the board itself ends the pulse."""

    driver: Literal["modbus"]
    baud: int = Field(9600, ge=1200, le=256_000, description="Speed of the serial line.")
    address: int = Field(1, ge=1, le=247, description="The board's Modbus address.")
    channel: int = Field(1, ge=1, le=32, description="Relay on the board, as printed: from 1.")
    pulse_ms: int = Field(
        100, ge=100, le=60_000, multiple_of=100, description="Pulse; boards count in 100 ms."
    )
    reply_ms: float = Field(
        100.0, ge=10, le=500, description="The board has answered after this time, or never will."
    )

    @property
    def step_ms(self) -> int:
        """The finest step of a pulse's length."""
        return 100

    def _own_clash(self, min_pitch_ms: float) -> str:
        if self.reply_ms >= min_pitch_ms:
            return (
                f"gate.reply_ms {self.reply_ms:g} is not below timing.min_pitch_ms "
                f"{min_pitch_ms:g}: an answer could belong to the part before"
            )
        frame_ms = 8 * 11 * 1000 / self.baud
        if self.lead_ms < frame_ms or self.reply_ms < 2 * frame_ms:
            return (
                f"a command takes {frame_ms:.1f} ms at gate.baud {self.baud}: gate.lead_ms must be "
                "at least that, and gate.reply_ms twice as much"
            )
        return ""


class LcusGate(RelaySection):
    """A cheap USB relay (LCUS, CH340), timed by this computer: a kill leaves it as it is."""

    driver: Literal["lcus"]
    wiring: Literal["energise_to_reject"] = Field(
        "energise_to_reject", description="Nothing but this host ends a pulse, so none may pass."
    )
    channel: int = Field(1, ge=1, le=8, description="Relay on the board, as printed: from 1.")
    held: bool = Field(
        False,
        description="Keep the output powered and let go to pass; the actuator must stand it.",
    )

    @property
    def pulse_passes(self) -> bool:
        """Whether a pulse lets a part through: only where the powered output is held."""
        return self.held


class LineGate(RelaySection):
    """RTS or DTR of a serial port: only a toggling line passes, watched by hardware."""

    driver: Literal["line"]
    line: Literal["rts", "dtr"] = Field("rts", description="The modem-control line that toggles.")
    wiring: Literal["energise_to_pass"] = Field(
        "energise_to_pass", description="A line that stands still, up or down, must reject."
    )
    # The circuit holds for three of them: less than the 50 ms after which a port that came back is
    # opened again at the soonest, or an adapter with a loose plug would look like a pulse.
    toggle_ms: float = Field(
        5.0, ge=1, le=15, description="The line changes so often while a part may pass."
    )


def refuse_stop(data: Any) -> Any:
    """Return raw configuration unless a relay is to stop the belt. Raises ValueError."""
    gate = data.get("gate") if isinstance(data, dict) else None
    if isinstance(gate, dict) and gate.get("on_disagreement") == "stop":
        driver = gate.get("driver")
        if driver in {"modbus", "lcus", "line"}:
            raise ValueError(
                f'gate.on_disagreement "stop" needs gate.driver controller: {driver} has no second '
                "photo-eye and no output that could stop the belt"
            )
    return data


RelayGate = ModbusGate | LcusGate | LineGate
GateSection = Annotated[
    ControllerGate | SimGate | ModbusGate | LcusGate | LineGate, Field(discriminator="driver")
]
