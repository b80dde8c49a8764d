"""Build everything from the configuration, the only place that does, and run it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from agent.audit.deeds import Deeds
from agent.audit.rows import Deed
from agent.boxes import Boxes, build_boxes
from agent.camera_settings import CameraWatch
from agent.clock import Clock
from agent.config.document import Config
from agent.drivers import belt_stop, onlooker, open_camera, open_gate, open_trigger
from agent.errors import ConfigError, GateError
from agent.lane_set import Lanes
from agent.lanes.capture import CaptureLane
from agent.lanes.gate import GateLane
from agent.lanes.inspection import InspectionLane
from agent.lanes.recorder import RecorderLane
from agent.lanes.telemetry import TelemetryLane
from agent.line.desk import LineDesk
from agent.line.mode import LineMode
from agent.metrics.server import MetricsServer
from agent.models.loader import ModelLoader, first_region
from agent.models.owner import Models
from agent.models.watch import WatchedLine
from agent.notify import Notifier
from agent.openings import open_ledger_folder, open_publisher
from agent.pictures.store import PictureStore
from agent.plant.messages import Condition
from agent.plant.reporter import Reporter
from agent.quality.frames import FrameQuality, FrozenWatch
from agent.records import Event
from agent.schedule import Timing
from agent.status_line import status_line
from agent.supervisor import Supervisor
from agent.tally import Tally
from agent.thermal import read_thermal

logger = logging.getLogger("linewarden.service")

CHECK_EVERY_S = 0.5
GRACE_NS = 500_000_000
LANE_END_S = 3.0


class Service:
    """The running agent. `start`, then `stop`; `run` does both around a flag.

    One that `waits_for_gate` starts without it, rejecting, and begins when it is there.
    """

    def __init__(
        self, config: Config, clock: Clock, notifier: Notifier, *, waits_for_gate: bool = False
    ) -> None:
        self._config = config
        self._clock = clock
        self._notifier = notifier
        self._waits_for_gate = waits_for_gate
        self._started = self._stopping = False
        self._why_stopped = "the agent was asked to stop"
        self.tally = Tally()
        self._region = first_region(config)
        self._loader = ModelLoader(config, clock)
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
        folder, stops = Path(config.ledger.folder), config.gate.stops
        self._deeds = Deeds(folder, clock, self._tell)
        self._models = Models(
            config,
            self._loader,
            self._deeds,
            self._tell,
            lambda: self.lanes.inspection.beat_ns,
            clock,
        )
        self._watch = WatchedLine(
            FrameQuality(config.quality, self._region),
            self._models.observe,
            self._models.manifest_of,
        )
        self._mode = LineMode()
        self._desk = LineDesk(folder, self._mode, config.bypass, self._tell, clock, stops=stops)
        self._metrics = MetricsServer(
            config.metrics.port,
            lambda: self._reporter.recent_state(self._condition),
            config.metrics.address,
        )
        self._source = open_trigger(config.trigger)
        self._gate = open_gate(config.gate, config.timing, config.belt, clock, self._source)
        timing = Timing.from_config(config.timing, by_place=config.by_place)
        self._boxes = build_boxes(timing, self._gate.wake, clock)
        self.lanes = self._build_lanes(timing, self._boxes)
        self._supervisor = Supervisor(self.lanes.in_order(), clock)

    @property
    def model_title(self) -> str:
        """Return name and version of the judging model; empty when there is none."""
        return self._models.title

    @property
    def ready(self) -> bool:
        """Whether a proven model judges parts."""
        return self._models.current is not None

    def start(self) -> None:
        """Open the gate, start the lanes, prove the model.

        Parts that come before the model is proven are rejected and counted as not_ready. Raises
        GateError when the gate cannot be opened and is not waited for; a model that fails leaves
        the line rejecting, and says so.
        """
        device = self._config.station.device
        self._open_gate()
        self._desk.open()  # before the first part: a pause outlives a restart
        self._tell("started", f"the agent started on {device}")
        self._started = True
        self._supervisor.start()
        self._notifier.ready("rejecting: the model is not proven yet")
        self._deeds.note(Deed.STARTED, f"the agent was started on {device}")
        self._await_model()
        if self._config.metrics.port:
            self._open_metrics()

    def _open_gate(self) -> None:
        try:
            self._gate.open()
        except GateError as error:
            if not self._waits_for_gate:
                raise
            # The gate lane asks for it again and again, and tells: `gate_lost`, then `gate_back`.
            logger.error("no gate: %s; it is waited for", error)

    def _await_model(self) -> None:
        """Wait until the first model was tried, however long a slow card takes to read it."""
        self._models.start()
        while not self._models.tried.wait(CHECK_EVERY_S) and self._models.alive:
            self._desk.check()
            if not self._supervisor.stale():
                self._notifier.alive(self._status())

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
        self._models.stop()  # no model is swapped any more
        if self._started:
            self._desk.close()
            self._deeds.note(Deed.STOPPED, self._why_stopped)
            self._finish_parts()
            self._supervisor.stop(LANE_END_S)
        else:
            self._gate.close()
        ended = self._models.wait(LANE_END_S)
        self._ledger.close()
        if ended:  # else it still opens one, and the process is about to end
            self._models.close()

    def _finish_parts(self) -> None:
        """Wait until the parts that came before the stop have met the gate."""
        timing = self._config.timing
        patience_ns = round((timing.delay_ms + timing.guard_ms) * 1e6) + GRACE_NS
        deadline_ns = self._clock.now_ns() + patience_ns
        while self.lanes.gate.unfinished and self._clock.now_ns() < deadline_ns:
            self._clock.sleep(0.01)

    def _check(self) -> bool:
        dead = self._supervisor.dead()
        if not self._models.alive:
            dead.append(self._models.name)
        if dead:
            logger.critical("lane=%s died; the process ends and is started again", dead[0])
            self._why_stopped = f"lane {dead[0]} died"
            return False
        self._desk.check()
        self._camera_watch.look()
        stale = self._supervisor.stale()
        if not stale:
            self._notifier.alive(self._status())
        return True

    def _condition(self) -> Condition:
        """Return how the machine is."""
        recorder = self.lanes.recorder
        return Condition(
            model=self._models.state(),
            gate=recorder.disk_fault or self.lanes.gate.state,
            camera="up" if self.lanes.capture.up else self.lanes.capture.fault.value,
            broker=self._publisher.fault if self._publisher else "",
            camera_differs=self._camera_watch.differs,
            drift=self._watch.drift,
            trend=self._watch.trend,
            audit=self._deeds.head,
            line=self._mode.at(self._clock.now_ns()),
            thermal=read_thermal(),
        )

    def _status(self) -> str:
        mode = self._mode.at(self._clock.now_ns())
        lost, title = self.lanes.gate.lost, self._models.title
        return status_line(mode, lost, title, self.tally.snapshot())

    def _build_lanes(self, timing: Timing, boxes: Boxes) -> Lanes:
        config, clock = self._config, self._clock
        camera = open_camera(config.camera, config.belt, clock)
        self._camera_watch = CameraWatch(
            config.camera, camera, lambda: self._models.current, self._tell
        )
        after = config.quality.frozen_after if config.camera.has_noise else 0
        watch = FrozenWatch(after, config.quality.frozen_levels)
        eye = onlooker(self._source, self._gate)
        capture = CaptureLane(camera, boxes.frames, boxes.recorder.put, clock, watch, eye)
        inspection = InspectionLane(
            boxes.parts,
            boxes.frames,
            boxes.judged,
            lambda: self._models.current,
            lambda: capture.fault,
            FrameQuality(config.quality, self._region),
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
            self._mode,
            latches=config.gate.latches,
            belt=belt_stop(config.gate, self._gate),
        )
        recorder, telemetry = self._build_recorder(boxes), self._build_telemetry()
        return Lanes(capture, inspection, gate, recorder, telemetry)

    def _build_recorder(self, boxes: Boxes) -> RecorderLane:
        section = self._config.ledger
        quota_bytes = section.picture_quota_mb * 1_000_000
        pictures = PictureStore(Path(section.folder) / "pictures", quota_bytes)
        put, told = boxes.committed.put, boxes.recorder
        return RecorderLane(told, put, self._ledger, pictures, self._watch, section, self._clock)

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

    def _tell(self, kind: str, text: str) -> None:
        self._boxes.recorder.put(Event(kind, text, self._clock.now_ns()))
