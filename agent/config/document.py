"""The TOML file as typed sections; every option is declared here, once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from agent.config.base import PathText, Section, TopicLevel
from agent.config.bypass import Bypass
from agent.config.camera import CameraSection, frame_size
from agent.config.encoder import with_shortest_times
from agent.config.faults import all_faults
from agent.config.gate import ControllerGate, GateSection, RelaySection, refuse_stop
from agent.config.metrics import Metrics
from agent.config.model import Model, Probation
from agent.config.options import drivers_by_key, list_options
from agent.config.paths import placed
from agent.config.quality import Quality
from agent.config.trigger import PresenceTrigger, TriggerSection
from agent.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_CONFIG_BYTES = 256 * 1024


class Station(Section):
    """Where the device stands; these names become the MQTT topic."""

    root: TopicLevel = Field("linewarden", description="First level of every MQTT topic.")
    site: TopicLevel = Field("site", description="The plant.")
    area: TopicLevel = Field("area", description="The hall or department.")
    line: TopicLevel = Field("line", description="The production line.")
    cell: TopicLevel = Field("cell", description="The station on the line.")
    device: TopicLevel = Field("device", description="This device; stands in every result's id.")


class Belt(Section):
    """The simulated belt, which camera drivers `sim` and `replay` and gate driver `sim` share."""

    rate_per_s: float = Field(10.0, gt=0, le=1000, description="Parts per second.")
    jitter: float = Field(0.3, ge=0, lt=1, description="Random shift as a share of the pitch.")
    seed: int = Field(1, ge=0, lt=2**63, description="Seed of the belt and of the drawn parts.")
    start_ns: int = Field(
        0,
        ge=0,
        lt=2**63,
        description="Monotonic time of part 0; 0 lets the belt have run since boot.",
    )
    parts: int | None = Field(None, ge=1, description="Number of parts; without it: no end.")


class Engine(Section):
    """What runs the model."""

    driver: Literal["litert"] = Field("litert", description="The interpreter.")
    threads: int = Field(1, ge=1, le=64, description="Threads per inference.")


class Timing(Section):
    """When a part meets the gate and how long its verdict may take, from the photo-eye on."""

    delay_ms: float = Field(400.0, gt=0, le=600_000, description="From photo-eye to gate.")
    guard_ms: float = Field(
        8.0, ge=1, le=10_000, description="The gate acts this long before and after that moment."
    )
    command_ms: float = Field(
        20.0, ge=0, le=10_000, description="Worst time of a command to the gate's controller."
    )
    frame_within_ms: float = Field(
        15.0, gt=0, le=10_000, description="A frame counts for a part if taken so soon after it."
    )
    frame_arrives_ms: float = Field(
        100.0, ge=0, le=10_000, description="A frame reaches us at most so long after it was taken."
    )
    min_pitch_ms: float = Field(
        17.0, gt=0, le=60_000, description="Parts closer than this are both rejected."
    )
    max_in_flight: int = Field(
        64, ge=1, le=4096, description="Parts between camera and gate; more is a fault."
    )

    @model_validator(mode="after")
    def _possible(self) -> Timing:
        if faults := "\n".join(self._contradictions()):
            raise ValueError(faults)
        return self

    def _contradictions(self) -> Iterator[str]:
        cutoff_ms = self.delay_ms - 2 * self.guard_ms - self.command_ms
        if cutoff_ms <= self.frame_within_ms:
            seconds = "; are these seconds? They are milliseconds" if self.delay_ms < 10 else ""
            yield (
                f"delay_ms {self.delay_ms:g} leaves {cutoff_ms:g} ms for frame and verdict "
                "(delay_ms - 2 * guard_ms - command_ms), and frame_within_ms alone is "
                f"{self.frame_within_ms:g}: move the gate further away or lower the others{seconds}"
            )
        if self.min_pitch_ms < self.frame_within_ms:
            yield (
                f"frame_within_ms {self.frame_within_ms:g} is longer than min_pitch_ms "
                f"{self.min_pitch_ms:g}: a frame could show the next part"
            )
        if self.min_pitch_ms < 2 * self.guard_ms:
            yield (
                f"min_pitch_ms {self.min_pitch_ms:g} is shorter than twice guard_ms "
                f"{self.guard_ms:g}: two parts could meet in one gate window"
            )


class Ledger(Section):
    """Where every part gets its row, and which pictures are kept."""

    folder: PathText = Field(description="Folder of the ledger and the pictures.")
    group_ms: float = Field(
        0.0, ge=0, le=1000, description="Wait so long to commit more rows at once (SD cards wear)."
    )
    keep_rejects: bool = Field(True, description="Keep the picture of every REJECT and RECHECK.")
    keep_pass_every: int = Field(100, ge=0, description="Keep every n-th PASS picture; 0: none.")
    picture_quota_mb: int = Field(512, ge=0, le=10_000_000, description="Oldest pictures go first.")


class Mqtt(Section):
    """The plant's broker."""

    host: str = Field("", max_length=255, description="Broker; empty: results stay in the ledger.")
    port: int = Field(1883, ge=1, le=65535, description="Port of the broker.")
    version: Literal["5", "3.1.1"] = Field(
        "5", description="MQTT 5, or 3.1.1 for an old broker: without expiry and content type."
    )
    username: str = Field("", max_length=255, description="User name; empty: none.")
    password_file: str = Field("", description="File holding the password; empty: none.")
    ca_file: str = Field("", description="CA certificates; given, the connection is TLS.")
    cert_file: str = Field("", description="Our certificate, for a broker that asks for one.")
    key_file: str = Field("", description="Its private key; empty: it stands in cert_file.")
    keepalive_s: int = Field(10, ge=2, le=600, description="A silent broker is noticed in twice.")
    state_every_s: float = Field(5.0, gt=0, le=3600, description="How often state is published.")
    window: int = Field(20, ge=1, le=1000, description="Results on their way at one time.")

    @model_validator(mode="after")
    def _certified(self) -> Mqtt:
        if self.cert_file and not self.ca_file:
            raise ValueError("cert_file goes only with ca_file: without it nothing is encrypted")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file goes only with cert_file: name the certificate too")
        return self


class Config(Section):
    """The whole of `agent.toml`."""

    station: Station = Station()
    camera: CameraSection
    belt: Belt = Belt()
    engine: Engine = Engine()
    model: Model
    probation: Probation = Probation()
    timing: Timing = Timing()
    gate: GateSection
    trigger: TriggerSection | None = None
    bypass: Bypass = Bypass()
    ledger: Ledger
    mqtt: Mqtt = Mqtt()
    metrics: Metrics = Metrics()
    quality: Quality = Quality()

    @model_validator(mode="before")
    @classmethod
    def _timed(cls, data: Any) -> Any:
        return with_shortest_times(refuse_stop(data), Timing().model_dump())

    @property
    def by_place(self) -> bool:
        """Whether the gate's windows are places of the belt, and [timing] the shortest times."""
        return isinstance(self.gate, ControllerGate) and self.gate.by_place

    @model_validator(mode="after")
    def _gate_fits(self) -> Config:
        if faults := "\n".join(fault for fault in self._contradictions() if fault):
            raise ValueError(faults)
        return self

    def _contradictions(self) -> Iterator[str]:
        gate, timing = self.gate, self.timing
        if isinstance(gate, RelaySection):
            yield from self._relay_contradictions(gate)
            return
        if self.trigger is not None:
            yield "section [trigger]: this gate has a photo-eye of its own; remove it"
        if gate.debounce_ms > timing.min_pitch_ms:
            yield (
                f"gate.debounce_ms {gate.debounce_ms:g} is longer than timing.min_pitch_ms "
                f"{timing.min_pitch_ms:g}: two parts would count as one"
            )
        yield gate.clash(min_pitch_ms=timing.min_pitch_ms, guard_ms=timing.guard_ms)

    def _relay_contradictions(self, gate: RelaySection) -> Iterator[str]:
        timing = self.timing
        if self.trigger is None:
            yield f"gate.driver {gate.driver} sees no parts: add a section [trigger]"
        yield gate.clash(
            delay_ms=timing.delay_ms,
            guard_ms=timing.guard_ms,
            command_ms=timing.command_ms,
            min_pitch_ms=timing.min_pitch_ms,
        )
        if isinstance(self.trigger, PresenceTrigger):
            yield self.trigger.clash(
                frame_rate=self.camera.frame_rate,
                frame_size=frame_size(self.camera),
                min_pitch_ms=timing.min_pitch_ms,
                to_cutoff_ms=timing.delay_ms - 2 * timing.guard_ms - timing.command_ms,
                arrives_ms=timing.frame_arrives_ms,
            )


def read_config(path: Path) -> Config:
    """Read and check a configuration; relative paths in it start at its own folder.

    Raises ConfigError with one line that names the key, the value and the bound; what else is wrong
    with the file stands in its `others`.
    """
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8") if size <= MAX_CONFIG_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    if size > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} has {size} bytes; a configuration has at most 256 KiB")
    return parse_config(text, name=str(path), folder=path.parent)


def parse_config(text: str, *, name: str = "agent.toml", folder: Path | None = None) -> Config:
    """Read a configuration from TOML text. Raises ConfigError."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{name} is not valid TOML: {error}") from error
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        said, *others = _faults(data, error)
        raise ConfigError(f"{name}: {said}", others) from error
    return config if folder is None else config.model_copy(update=placed(config, folder))


def options() -> list[tuple[str, str, str, str]]:
    """Return every option as (key, type, default, sentence), in the order of the file."""
    return list_options(Config)


def known_keys() -> list[str]:
    """Return the names of all sections and options."""
    return [*(key for key, *_ in options()), *Config.model_fields]


def _faults(data: dict[str, Any], error: ValidationError) -> list[str]:
    """Return every fault; one that lies between sections keeps the others from being looked at."""
    known, drivers = known_keys(), drivers_by_key(Config)
    faults = all_faults(error, known, drivers)
    if all(fault["loc"] for fault in error.errors(include_url=False)):
        return faults
    try:
        Config.model_validate({name: table for name, table in data.items() if name != "gate"})
    except ValidationError as more:
        faults += [one for one in all_faults(more, known, drivers) if one != "gate is missing"]
    return faults
