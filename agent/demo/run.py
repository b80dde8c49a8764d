"""Run the demo: set the line up, show it, judge it by the belt's own record."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from agent.clock import Clock, SystemClock
from agent.config.document import Config, read_config
from agent.demo.broker import DemoBroker
from agent.demo.rows import ledger_rows
from agent.demo.subscriber import Subscriber
from agent.demo.summary import Summary, summarise
from agent.demo.truth import belt_truth
from agent.demo.view import Scene, draw, progress_line
from agent.errors import DemoError
from agent.notify import Notifier
from agent.plant.messages import Topics
from agent.process import stop_on_signals, tune_interpreter
from agent.service import Service
from agent.sim.judge import read_record
from bundle.archive import Archive, open_archive

EXAMPLES = Path(__file__).parents[2] / "examples"
RENDERED_BUNDLE = "rendered-mobilenet_v2-int8.lwb"
CASTING_BUNDLE = "casting-mobilenet_v2-slim.lwb"

START_LEAD_NS = 5_000_000_000  # model, gate and drawn parts are ready by then, busy or not
FRAME_S = 0.1
PLAIN_EVERY_S = 2.0
RESULTS_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the technician asked of the demo."""

    data: Path | None
    bundle: Path | None
    parts: int
    rate: float
    seed: int
    plain: bool
    keep: Path | None
    as_json: bool
    picture: Path | None


def run_demo(options: DemoOptions) -> bool:
    """Run the demo to its end; False when a promise was broken. Raises DemoError and others."""
    clock = SystemClock()
    bundle = options.bundle or EXAMPLES / (CASTING_BUNDLE if options.data else RENDERED_BUNDLE)
    archive = open_archive(bundle)
    console = Console(stderr=options.as_json)
    with _folder(options.keep) as folder, contextlib.ExitStack() as stack:
        broker = DemoBroker(folder, clock)
        stack.callback(broker.stop)
        config = write_config(options, bundle, folder, broker, clock)
        console.print(
            f"model {archive.title} ({archive.size / 1e6:.1f} MB), gate on a pty, "
            f"{broker.name} on 127.0.0.1:{broker.port}, configuration {folder / 'agent.toml'}",
            highlight=False,
            soft_wrap=True,
        )
        topics = Topics(config.station)
        subscriber = Subscriber(broker.port, topics.result, broker.version)
        stack.callback(subscriber.stop)
        line = _Line(Service(config, clock, Notifier(None)), subscriber, broker, config, clock)
        tune_interpreter()
        line.run(console, plain=options.plain or not console.is_terminal)
        summary = line.summary(archive, folder)
        if options.picture is not None:
            line.save_picture(options.picture, summary)
    if options.as_json:
        print(summary.to_json())  # noqa: T201 - the answer for a program
    else:
        console.print(summary.to_text(), highlight=False, soft_wrap=True)
    return summary.kept_promises


class _Line:
    """The running demo."""

    def __init__(
        self,
        service: Service,
        subscriber: Subscriber,
        broker: DemoBroker,
        config: Config,
        clock: Clock,
    ) -> None:
        self._service = service
        self._subscriber = subscriber
        self._broker = broker
        self._config = config
        self._clock = clock
        self._stop = threading.Event()
        self._last: Scene | None = None

    def run(self, console: Console, *, plain: bool) -> None:
        """Show the line until its last part has met the gate, or Ctrl-C."""
        stop_on_signals(self._stop)
        try:
            self._service.start()
            if plain:
                self._show_plain(console)
            else:
                self._show_live(console)
            self._wait_for_results()
        finally:
            self._service.stop()

    def summary(self, archive: Archive, folder: Path) -> Summary:
        """Judge the line by the belt's record, the ledger and what the subscriber got."""
        record = (folder / "belt.jsonl").read_text("utf-8").splitlines()
        return summarise(
            archive.title,
            read_record(record),
            ledger_rows(folder / "ledger"),
            belt_truth(self._config, archive.manifest),
            self._service.tally.snapshot(),
            (self._subscriber.results, self._subscriber.repeats),
        )

    def save_picture(self, path: Path, summary: Summary) -> None:
        """Write the demo's last full scene and its summary as SVG. Raises DemoError."""
        canvas = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
        canvas.print("$ make demo", style="bold")
        canvas.print(draw(self._last or self._scene()))
        canvas.print(summary.to_text(), highlight=False)
        svg = canvas.export_svg(title="linewarden demo")
        try:
            # Without the fonts that Rich would fetch from the network.
            path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), "utf-8")
        except OSError as error:
            raise DemoError(f"--picture {path}: {error.strerror}") from error

    def _show_live(self, console: Console) -> None:
        with Live(draw(self._scene()), console=console, screen=False, transient=True) as live:
            while not self._over():
                self._stop.wait(FRAME_S)
                live.update(draw(self._scene()))

    def _show_plain(self, console: Console) -> None:
        while not self._over():
            self._stop.wait(PLAIN_EVERY_S)
            console.print(progress_line(self._scene()), highlight=False, soft_wrap=True)

    def _over(self) -> bool:
        belt = self._config.belt
        last = belt.start_ns + round((belt.parts or 0) / belt.rate_per_s * 1e9)
        gone_ns = last + round(self._config.timing.delay_ms * 1e6) + 500_000_000
        over = self._clock.now_ns() > gone_ns and not self._service.lanes.gate.in_flight
        return over or self._stop.is_set()

    def _wait_for_results(self) -> None:
        """Let the plant have what is still in the outbox."""
        deadline_ns = self._clock.now_ns() + round(RESULTS_WAIT_S * 1e9)
        while self._clock.now_ns() < deadline_ns and not self._stop.is_set():
            if self._subscriber.results >= self._service.tally.snapshot().triggers:
                return
            self._clock.sleep(0.05)

    def _scene(self) -> Scene:
        snapshot = self._service.tally.snapshot()
        results = self._subscriber.results
        scene = Scene(
            title=f"linewarden demo · {self._service.model_title}",
            snapshot=snapshot,
            now_ns=self._clock.now_ns(),
            delay_ns=round(self._config.timing.delay_ms * 1e6),
            parts=self._config.belt.parts or 0,
            results=results,
            backlog=max(0, snapshot.triggers - results),
            broker=self._broker.name,
            gate=self._service.lanes.gate.state,
        )
        if self._service.lanes.gate.in_flight or self._last is None:
            self._last = scene
        return scene


def write_config(
    options: DemoOptions, bundle: Path, folder: Path, broker: DemoBroker, clock: Clock
) -> Config:
    """Write the demo's `agent.toml` as a technician would, and read it back."""
    camera = 'driver = "sim"'
    if options.data is not None:
        if not options.data.is_dir():
            raise DemoError(f"there is no folder {options.data}: --data wants one of pictures")
        camera = f'driver = "replay"\nfolder = {json.dumps(str(options.data.resolve()))}'
    pitch_ms = 1000 / options.rate
    path = folder / "agent.toml"
    path.write_text(
        f"""# Written by `linewarden demo`.
[station]
device = "demo"

[camera]
{camera}

[belt]
rate_per_s = {options.rate}
seed = {options.seed}
parts = {options.parts}
start_ns = {clock.now_ns() + START_LEAD_NS}

[model]
bundle = {json.dumps(str(bundle.resolve()))}

[timing]
delay_ms = 400.0
guard_ms = {min(8.0, pitch_ms / 4):.3f}
frame_within_ms = {min(15.0, pitch_ms / 2):.3f}
min_pitch_ms = {min(17.0, pitch_ms / 2 + 0.001):.3f}
max_in_flight = {max(64, round(options.rate))}

[gate]
driver = "sim"
record = "belt.jsonl"

[ledger]
folder = "ledger"

[mqtt]
host = "127.0.0.1"
port = {broker.port}
version = "{broker.version}"
state_every_s = 1.0
""",
        "utf-8",
    )
    return read_config(path)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="linewarden-demo-") as name:
            yield Path(name)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"--keep {keep}: {error.strerror}") from error
    if any(keep.iterdir()):
        raise DemoError(f"--keep {keep}: the folder is not empty; name a new one")
    yield keep
