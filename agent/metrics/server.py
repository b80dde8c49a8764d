"""The last `state` as Prometheus metrics on a local port: no second bookkeeping."""

from __future__ import annotations

import importlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from socketserver import TCPServer
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from agent.errors import ConfigError
from agent.metrics.readings import readings
from agent.plant.bodies import State

LOOPBACK = "127.0.0.1"
REQUEST_S = 2.0  # a client that stalls longer is dropped
POLL_S = 0.1
STOP_S = 1.0


class Family(Protocol):
    """What prometheus-client collects: a metric that samples are added to."""

    def add_metric(self, labels: Sequence[str], value: float) -> None:
        """Add one sample."""
        ...


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
        self._server: _Server | None = None
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
        self._thread = threading.Thread(target=server.serve, name="lw-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port within about a second, whatever a client does; harmless when closed."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.leave()
            thread.join(STOP_S)
            server.server_close()


class _Server(WSGIServer):
    """One request at a time, so that nobody can take more than one thread from the line."""

    timeout = POLL_S

    def __init__(self, place: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self._leaving = threading.Event()
        self._client: socket.socket | None = None
        super().__init__(place, handler)

    def serve(self) -> None:
        """Answer until `leave` is called."""
        # The library's own loop ends only between two requests, and a client that sends a byte
        # now and then would keep the whole agent from stopping.
        while not self._leaving.is_set():
            self.handle_request()

    def leave(self) -> None:
        """End `serve`, and the request that it answers."""
        self._leaving.set()
        client = self._client
        if client is not None:
            with suppress(OSError):  # it has gone by itself
                client.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take the next client, remembering it for `leave`."""
        self._client, address = super().get_request()
        return self._client, address

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
