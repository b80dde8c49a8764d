"""Build everything from the configuration, the only place that does, and run it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from agent.audit_rows import Deed
from agent.bodies import ModelState
from agent.boxes import Boxes, build_boxes
from agent.clock import Clock
from agent.config import Config
from agent.deeds import Deeds
from agent.drivers import open_camera, open_engine, open_gate
from agent.errors import ConfigError, ModelError
from agent.lanes.capture import CaptureLane
from agent.lanes.gate import GateLane
from agent.lanes.inspection import InspectionLane
from agent.lanes.lane import Lane
from agent.lanes.recorder import RecorderLane
from agent.lanes.telemetry import TelemetryLane
from agent.line_watch import LineWatch
from agent.messages import Condition
from agent.metrics import MetricsServer
from agent.notify import Notifier
from agent.openings import open_ledger_folder, open_publisher, read_region
from agent.pictures import PictureStore
from agent.ports import Engine
from agent.quality import FrameQuality, FrozenWatch
from agent.quality_shift import read_reference
from agent.records import Event
from agent.reporter import Reporter
from agent.schedule import Timing
from agent.slot import ActiveModel, open_active
from agent.supervisor import Supervisor
from agent.tally import Tally

logger = logging.getLogger("linewarden.service")

CHECK_EVERY_S = 0.5
GRACE_NS = 500_000_000
LANE_END_S = 3.0


@dataclass(slots=True)
class Lanes:
    """The lanes, in the order of a part's way."""

    capture: CaptureLane
    inspection: InspectionLane
    gate: GateLane
    recorder: RecorderLane
    telemetry: TelemetryLane

    def in_order(self) -> list[Lane]:
        """Return whoever hands over before who receives."""
        return [self.capture, self.inspection, self.gate, self.recorder, self.telemetry]


class Service:
    """The running agent. `start`, then `stop`; `run` does both around a flag."""

    def __init__(self, config: Config, clock: Clock, notifier: Notifier) -> None:
        self._config = config
        self._clock = clock
        self._notifier = notifier
        self._model: ActiveModel | None = None
        self._started = self._stopping = False
        self._why_stopped = "the agent was asked to stop"
        self.tally = Tally()
        region, mark = read_region(Path(config.model.bundle)), read_reference(config.quality)
        self._quality = FrameQuality(config.quality, region, mark)
        self._watch = LineWatch(FrameQuality(config.quality, region))
        self._ledger = open_ledger_folder(Path(config.ledger.folder), clock)
        try:
            self._build()
        except BaseException:
            self._ledger.close()
            raise

    def _build(self) -> None:
        config, clock = self._config, self._clock
        self._reporter = Reporter(config, self._ledger, self.tally, clock)
        self._publisher = open_publisher(config, self._reporter)
        self._deeds = Deeds(Path(config.ledger.folder), clock, self._tell)
        self._metrics = MetricsServer(
            config.metrics.port,
            lambda: self._reporter.recent_state(self._condition),
            config.metrics.address,
        )
        self._gate = open_gate(config.gate, config.timing, config.belt, clock, config.trigger)
        timing = Timing.from_config(config.timing)
        self._boxes = build_boxes(
            config.camera.frame_rate, timing.max_in_flight, self._gate.wake, clock
        )
        self.lanes = self._build_lanes(timing, self._boxes)
        self._supervisor = Supervisor(self.lanes.in_order(), clock)

    @property
    def model_title(self) -> str:
        """Return name and version of the judging model; empty when there is none."""
        return self._model.title if self._model else ""

    @property
    def ready(self) -> bool:
        """Whether a proven model judges parts."""
        return self._model is not None

    def start(self) -> None:
        """Open the gate, start the lanes, prove the model.

        Parts that come before the model is proven are rejected and counted as not_ready. Raises
        GateError when the gate cannot be opened at all; a model that fails leaves the line
        rejecting, and says so.
        """
        device = self._config.station.device
        self._gate.open()
        self._tell("started", f"the agent started on {device}")
        self._started = True
        self._supervisor.start()
        self._notifier.ready("rejecting: the model is not proven yet")
        self._deeds.note(Deed.STARTED, f"the agent was started on {device}")
        self._prove_model()
        if self._config.metrics.port:
            self._open_metrics()

    def _prove_model(self) -> None:
        path = Path(self._config.model.bundle)
        try:
            model = open_active(path, self._open_engine, self._clock)
        except ModelError as error:
            logger.error("model refused: %s; every part is rejected", error)
            self._tell("model_refused", str(error))
            return
        self._deeds.note_model(model.title, model.manifest)  # before it has judged a part
        self._model = model
        logger.info("ready: %s judges parts", model.title)
        self._tell("model_ready", f"{model.title} judges parts")

    def _open_metrics(self) -> None:
        """Let Prometheus read; a port that is taken costs the figures, never the line."""
        try:
            self._metrics.start()
        except ConfigError as error:
            logger.error("no metrics: %s", error)
            self._tell("metrics_lost", str(error))

    def run(self, stop: threading.Event) -> bool:
        """Run until `stop` is set; False when a lane died and the process must go."""
        healthy = True
        try:
            self.start()
            while healthy and not stop.wait(CHECK_EVERY_S):
                healthy = self._check()
        finally:
            self.stop()
        return healthy

    def stop(self) -> None:
        """Finish the parts on the belt, drain, and leave the gate rejecting."""
        if self._stopping:
            return
        self._stopping = True
        self._notifier.stopping()
        self.lanes.gate.draining = True
        self._tell("stopping", self._why_stopped)
        self._metrics.stop()
        if self._started:
            self._deeds.note(Deed.STOPPED, self._why_stopped)
            self._finish_parts()
            self._supervisor.stop(LANE_END_S)
        else:
            self._gate.close()
        self._ledger.close()
        if self._model is not None:
            self._model.close()

    def _finish_parts(self) -> None:
        """Wait until the parts that came before the stop have met the gate."""
        timing = self._config.timing
        patience_ns = round((timing.delay_ms + timing.guard_ms) * 1e6) + GRACE_NS
        deadline_ns = self._clock.now_ns() + patience_ns
        while self.lanes.gate.unfinished and self._clock.now_ns() < deadline_ns:
            self._clock.sleep(0.01)

    def _check(self) -> bool:
        dead = self._supervisor.dead()
        if dead:
            logger.critical("lane=%s died; the process ends and is started again", dead[0])
            self._why_stopped = f"lane {dead[0]} died"
            return False
        stale = self._supervisor.stale()
        if not stale:
            self._notifier.alive(self._status())
        return True

    def _condition(self) -> Condition:
        """Return how the machine is."""
        model = self._model
        manifest = model.manifest if model else None
        recorder = self.lanes.recorder
        return Condition(
            model=ModelState(
                name=manifest.name if manifest else "",
                version=manifest.version if manifest else "",
                signed=False,  # signatures are not verified yet
            ),
            gate=recorder.disk_fault or self.lanes.gate.state,
            camera="up" if self.lanes.capture.up else self.lanes.capture.fault.value,
            broker=self._publisher.fault if self._publisher else "",
            drift=self._watch.drift,
            trend=self._watch.trend,
            audit=self._deeds.head,
        )

    def _status(self) -> str:
        snapshot = self.tally.snapshot()
        counts = ", ".join(f"{kind.value} {n}" for kind, n in snapshot.verdicts.items())
        model = self._model.title if self._model else "no model: rejecting"
        return f"{model}; {snapshot.triggers} parts: {counts}"

    def _build_lanes(self, timing: Timing, boxes: Boxes) -> Lanes:
        config, clock = self._config, self._clock
        camera = open_camera(config.camera, config.belt, clock)
        after = config.quality.frozen_after if config.camera.has_noise else 0
        watch = FrozenWatch(after, config.quality.frozen_levels)
        capture = CaptureLane(camera, boxes.frames, boxes.recorder.put, clock, watch)
        inspection = InspectionLane(
            boxes.parts,
            boxes.frames,
            boxes.judged,
            lambda: self._model,
            lambda: capture.fault,
            self._quality,
            timing,
            round(config.timing.frame_arrives_ms * 1e6),
            clock,
        )
        gate = GateLane(
            self._gate,
            boxes.judged,
            boxes.committed,
            boxes.parts,
            boxes.recorder,
            self._ledger.sequencer.next,
            lambda: self.ready,
            timing,
            self.tally,
            clock,
        )
        recorder, telemetry = self._build_recorder(boxes), self._build_telemetry()
        return Lanes(capture, inspection, gate, recorder, telemetry)

    def _build_recorder(self, boxes: Boxes) -> RecorderLane:
        section = self._config.ledger
        quota_bytes = section.picture_quota_mb * 1_000_000
        pictures = PictureStore(Path(section.folder) / "pictures", quota_bytes)
        return RecorderLane(
            boxes.recorder,
            boxes.committed.put,
            self._ledger,
            pictures,
            self._watch,
            section,
            self._clock,
        )

    def _build_telemetry(self) -> TelemetryLane:
        reporter = self._reporter
        return TelemetryLane(
            self._publisher,
            self._ledger,
            reporter.topics,
            reporter.result,
            reporter.event,
            lambda: reporter.state(self._condition()),
            round(self._config.mqtt.state_every_s * 1e9),
            self._clock,
        )

    def _open_engine(self, model: bytes) -> Engine:
        return open_engine(self._config.engine.driver, model, self._config.engine.threads)

    def _tell(self, kind: str, text: str) -> None:
        self._boxes.recorder.put(Event(kind, text, self._clock.now_ns()))
