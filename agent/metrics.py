"""The last `state` as Prometheus metrics on a local port: no second bookkeeping."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from socketserver import TCPServer
from typing import Any, Literal, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from agent.bodies import Percentiles, State
from agent.errors import ConfigError

LOOPBACK = "127.0.0.1"
REQUEST_S = 2.0  # a client that stalls longer is dropped
POLL_S = 0.1
STOP_S = 5.0

Samples = tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric: its samples are (label values, value)."""

    name: str
    text: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    samples: Samples


class Family(Protocol):
    """What prometheus-client collects: a metric that samples are added to."""

    def add_metric(self, labels: Sequence[str], value: float) -> None:
        """Add one sample."""
        ...


def readings(state: State) -> tuple[Reading, ...]:
    """Return what a state holds as metrics, in base units.

    Verdicts are gauges: a PASS that the gate did not obey is taken back, and a counter that goes
    down reads as a restart.
    """
    return (*_parts(state), *_speed(state), *_condition(state))


class StateCollector:
    """Hands the last state to prometheus-client whenever somebody asks."""

    def __init__(self, state: Callable[[], State | None], families: Any) -> None:
        self._state = state
        self._make = {
            "gauge": families.GaugeMetricFamily,
            "counter": families.CounterMetricFamily,
        }

    def describe(self) -> list[Family]:
        """Return nothing: what there is depends on the state."""
        return []

    def collect(self) -> Iterator[Family]:
        """Yield the metrics of the last state; none before the first."""
        state = self._state()
        for reading in readings(state) if state is not None else ():
            family: Family = self._make[reading.kind](
                reading.name, reading.text, labels=reading.labels
            )
            for labels, value in reading.samples:
                family.add_metric(labels, value)
            yield family


class MetricsServer:
    """Answers HTTP on a port of its own thread; `start`, then `stop`.

    It reads `state`, which must return at once, and touches nothing else of the agent.
    """

    def __init__(
        self, port: int, state: Callable[[], State | None], address: str = LOOPBACK
    ) -> None:
        self._asked = (address, port)
        self._state = state
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on; 0 while there is none."""
        return int(self._server.server_address[1]) if self._server else 0

    def start(self) -> None:
        """Listen and answer. Raises ConfigError when the port or the library is not there."""
        library, families = _library()
        registry = library.CollectorRegistry(auto_describe=False)
        registry.register(StateCollector(self._state, families))
        address, port = self._asked
        try:
            server = _Server(self._asked, _Handler)
        except OSError as error:
            raise ConfigError(
                f"metrics.port {port} on {address} cannot be opened: {error.strerror or error}"
            ) from error
        server.set_app(library.make_wsgi_app(registry, disable_compression=True))
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(POLL_S,), name="lw-metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port; harmless when it is closed."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join(STOP_S)
            server.server_close()


class _Server(WSGIServer):
    """One request at a time, so that nobody can take more than one thread from the line."""

    def server_bind(self) -> None:
        # HTTPServer asks the name service who we are, which can take minutes without a network.
        TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no event of the line."""


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the journal is for the line."""


def _library() -> tuple[Any, Any]:
    try:
        return (
            importlib.import_module("prometheus_client"),
            importlib.import_module("prometheus_client.core"),
        )
    except ImportError as error:
        raise ConfigError(
            "metrics.port is set, but prometheus-client is missing: pip install prometheus-client"
        ) from error


def _parts(state: State) -> tuple[Reading, ...]:
    account = state.balance
    verdicts = (
        (("PASS",), float(account.passed)),
        (("REJECT",), float(account.rejected)),
        (("RECHECK",), float(account.rechecked)),
        (("UNINSPECTED",), float(account.uninspected)),
    )
    return (
        _counter("linewarden_triggers", "Parts since the ledger was begun.", account.triggers),
        Reading(
            "linewarden_parts", "Parts by verdict; they add up.", "gauge", ("verdict",), verdicts
        ),
        _gauge("linewarden_parts_in_work", "Parts between photo-eye and verdict.", account.in_work),
        _counted("linewarden_uninspected", "reason", state.reasons),
        _counted("linewarden_gate_outcomes", "outcome", state.outcomes),
    )


def _speed(state: State) -> tuple[Reading, ...]:
    stages = {
        "trigger_to_verdict": state.trigger_to_verdict_ms,
        "hand_to_gate": state.hand_to_gate_ms,
        "overhead": state.overhead_ms,
        "invoke": state.invoke_ms,
    }
    samples = tuple(
        ((stage, quantile), value_ms / 1000)
        for stage, times in stages.items()
        if times is not None
        for quantile, value_ms in _quantiles(times)
    )
    return (
        _gauge("linewarden_parts_per_second", "Over the last parts.", state.parts_per_s),
        Reading(
            "linewarden_latency_seconds",
            "Over the last parts; quantile 1 is the slowest.",
            "gauge",
            ("stage", "quantile"),
            samples,
        ),
    )


def _condition(state: State) -> tuple[Reading, ...]:
    model = state.model
    info = (((state.version, model.name, model.version), 1.0),)
    return (
        _gauge("linewarden_backlog", "Results that the broker has not got yet.", state.backlog),
        _gauge("linewarden_model_ready", "1 while a proven model judges.", bool(model.name)),
        _gauge("linewarden_gate_ready", "1 while the gate is in step.", state.gate == "in step"),
        _gauge("linewarden_camera_up", "1 while the camera delivers.", state.camera == "up"),
        _gauge("linewarden_broker_ready", "1 while nothing hinders publishing.", not state.broker),
        _gauge("linewarden_state_time_seconds", "When this was written.", _seconds(state.at)),
        _gauge("linewarden_start_time_seconds", "When the agent started.", _seconds(state.since)),
        Reading(
            "linewarden_build_info",
            "Versions of agent and model.",
            "gauge",
            ("version", "model", "model_version"),
            info,
        ),
    )


def _quantiles(times: Percentiles) -> tuple[tuple[str, float], ...]:
    return ("0.5", times.p50), ("0.9", times.p90), ("0.99", times.p99), ("1", times.worst)


def _gauge(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "gauge", (), (((), float(value)),))


def _counter(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "counter", (), (((), float(value)),))


def _counted(name: str, label: str, counts: dict[str, int]) -> Reading:
    samples = tuple(((word,), float(count)) for word, count in counts.items())
    return Reading(
        name, f"Parts since the agent started, by {label}.", "counter", (label,), samples
    )


def _seconds(at: str) -> float:
    """Return a time of our messages as seconds since 1970."""
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
