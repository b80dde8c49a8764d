"""Prometheus metrics: the last state, on loopback, and nothing that hinders the line."""

from __future__ import annotations

import socket
import sys
import threading
import urllib.request
from contextlib import suppress

import pytest

from agent.errors import ConfigError
from agent.metrics.readings import readings
from agent.metrics.server import MetricsServer, StateCollector
from agent.plant.bodies import (
    Account,
    BoardState,
    FigureDrift,
    ModelState,
    Percentiles,
    RejectTrend,
    State,
)


def state(**more):
    """Return a state as the agent publishes it."""
    account = Account(
        triggers=10, passed=5, rejected=2, rechecked=1, uninspected=2, in_work=1
    )  # fmt: skip
    fields = {
        "at": "2023-11-14T22:13:20.250Z",
        "since": "2023-11-14T22:00:00.000Z",
        "version": "0.1.0",
        "balance": account,
        "session": account,
        "reasons": {"late": 1},
        "outcomes": {"passed": 5, "rejected": 4},
        "parts_per_s": 9.5,
        "backlog": 3,
        "trigger_to_verdict_ms": Percentiles(p50=20, p90=30, p99=40, worst=55.5),
        "hand_to_gate_ms": None,
        "overhead_ms": None,
        "invoke_ms": None,
        "model": ModelState(name="casting", version="1.0", signed=True),
        "gate": "in step",
        "camera": "up",
        "broker": "",
    }
    return State(**{**fields, **more})


def values(one):
    """Return every sample as {(name, labels): value}."""
    return {
        (reading.name, labels): value
        for reading in readings(one)
        for labels, value in reading.samples
    }


def test_the_numbers_are_those_of_the_state():
    """Account, reasons, outcomes, rate, backlog and percentiles in base units."""
    found = values(state())
    assert found["linewarden_triggers", ()] == 10
    kinds = ("PASS", "REJECT", "RECHECK", "UNINSPECTED")
    parts = [found["linewarden_parts", (kind,)] for kind in kinds]
    assert parts == [5, 2, 1, 2]
    assert sum(parts) == found["linewarden_triggers", ()]
    assert found["linewarden_parts_in_work", ()] == 1
    assert found["linewarden_uninspected", ("late",)] == 1
    assert found["linewarden_gate_outcomes", ("rejected",)] == 4
    assert found["linewarden_backlog", ()] == 3
    assert found["linewarden_latency_seconds", ("trigger_to_verdict", "1")] == 0.0555
    assert found["linewarden_state_time_seconds", ()] == 1_700_000_000.25
    assert found["linewarden_build_info", ("0.1.0", "casting", "1.0")] == 1


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("gate", "the controller is silent", "linewarden_gate_ready"),
        ("camera", "camera_lost", "linewarden_camera_up"),
        ("broker", "refused", "linewarden_broker_ready"),
        ("model", ModelState(name="", version="", signed=False), "linewarden_model_ready"),
    ],
)
def test_what_is_not_well_is_zero(field, value, name):
    """A sentence is no label: it would begin a new time series each time."""
    assert values(state())[name, ()] == 1
    assert values(state(**{field: value}))[name, ()] == 0


def figure(name, index=None, *, drifting=False):
    """Return one figure of a state."""
    return FigureDrift(
        name=name, source="first parts", index=index, cusum=0.0, drifting=drifting
    )  # fmt: skip


def going(trend):
    """Return a state whose reject rate is going somewhere."""
    rest = dict.fromkeys(
        ("rate", "per_1000", "per_1000_low", "per_1000_high", "confidence", "doubles_in_parts")
    )
    return state(reject_trend=RejectTrend(trend=trend, parts=9000, **rest))


def test_each_figure_that_drifts_is_one():
    """By name, with its index where there is one."""
    found = values(state(drift=[figure("score", 0.3, drifting=True), figure("brightness")]))
    assert found["linewarden_drift", ("score",)] == 1
    assert found["linewarden_drift", ("brightness",)] == 0
    assert found["linewarden_drift_index", ("score",)] == 0.3
    assert ("linewarden_drift_index", ("brightness",)) not in found


def test_of_two_references_the_worse_one_is_shown():
    """Against the bundle and against the first parts; one sample each, whatever the order."""
    both = [figure("score", 0.3), figure("score", 0.1, drifting=True)]
    for drift in (both, both[::-1]):
        found = values(state(drift=drift))
        assert found["linewarden_drift", ("score",)] == 1
        assert found["linewarden_drift_index", ("score",)] == 0.3


def test_the_reject_rates_trend_has_a_sign():
    """Up is 1, down is -1, anything else nothing."""
    signs = {"rising": 1, "falling": -1, "steady": 0, "learning": 0}
    for trend, sign in signs.items():
        assert values(going(trend))["linewarden_reject_trend", ()] == sign
    assert values(state())["linewarden_reject_trend", ()] == 0


def test_a_hot_board_is_seen():
    """Its temperature where there is a sensor, and whether it is slowed down."""
    hot = BoardState(temperature_c=81.5, slowed_by=["throttled"])
    found = values(state(board=hot))
    assert found["linewarden_temperature_celsius", ()] == 81.5
    assert found["linewarden_slowed", ()] == 1
    plain = values(state())
    assert ("linewarden_temperature_celsius", ()) not in plain
    assert plain["linewarden_slowed", ()] == 0


def test_every_number_of_the_account_has_a_metric():
    """What `state` gains must be shown as well, or be left out on purpose."""
    shown = {"at", "since", "version", "balance", "reasons", "outcomes", "parts_per_s", "backlog"}
    shown |= {"trigger_to_verdict_ms", "hand_to_gate_ms", "overhead_ms", "invoke_ms"}
    shown |= {"model", "gate", "camera", "broker", "drift", "reject_trend"}
    shown |= {"line", "gate_disagrees", "board", "camera_differs"}
    # The account since the ledger was begun holds the session's; a hash is no number.
    left_out = {"session", "audit"}
    assert shown | left_out == set(State.model_fields)


def test_before_the_first_state_there_are_no_metrics():
    """An empty answer, no error."""

    class Families:
        GaugeMetricFamily = CounterMetricFamily = None

    collector = StateCollector(lambda: None, Families)
    assert list(collector.collect()) == []
    assert collector.describe() == []


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    """It says so, not an exception of the library's."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    server = MetricsServer(0, lambda: None)
    with pytest.raises(ConfigError, match="prometheus-client is missing"):
        server.start()
    server.stop()


class Served:
    """A running server whose state can be changed."""

    def __init__(self):
        pytest.importorskip("prometheus_client", reason="skipped: needs prometheus-client")
        self.state = state()
        self.server = MetricsServer(0, lambda: self.state)
        self.server.start()

    def get(self):
        """Return the text that Prometheus reads."""
        url = f"http://127.0.0.1:{self.server.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            return answer.read().decode()


@pytest.fixture
def served():
    """Return a server on a free port, closed at the end with its thread."""
    served = Served()
    yield served
    served.server.stop()
    served.server.stop()
    assert "lw-metrics" not in {thread.name for thread in threading.enumerate()}


def test_prometheus_reads_the_last_state(served):
    """The text format, parsed back by the library's own parser."""
    parser = pytest.importorskip("prometheus_client.parser")
    families = list(parser.text_string_to_metric_families(served.get()))
    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }
    assert found["linewarden_triggers_total", ()] == 10
    assert found["linewarden_parts", ("PASS",)] == 5
    assert {family.name for family in families} == {one.name for one in readings(served.state)}
    served.state = state(backlog=77)
    assert "linewarden_backlog 77.0" in served.get()
    served.state = None
    assert served.get() == ""


def test_only_this_machine_is_answered(served):
    """The port is bound to loopback unless told otherwise."""
    assert served.server._server.server_address[0] == "127.0.0.1"


def test_a_client_that_stalls_or_talks_nonsense_does_not_stop_the_others(served):
    """It is dropped after its time; the next one is answered."""
    address = ("127.0.0.1", served.server.port)
    with (
        socket.create_connection(address, 30) as silent,
        socket.create_connection(address, 30) as loud,
    ):
        loud.sendall(b"\x00\xff" * 2000 + b"\r\n\r\n")
        assert "linewarden_triggers_total" in served.get()
        silent.close()


def test_a_client_that_never_ends_does_not_keep_the_agent_from_stopping(served, wait_until):
    """It sends a byte now and then, so that no read of the server's takes long."""
    over = threading.Event()
    with socket.create_connection(("127.0.0.1", served.server.port), 30) as drip:

        def send():
            with suppress(OSError):
                while not over.wait(0.05):
                    drip.sendall(b"G")

        sender = threading.Thread(target=send)
        sender.start()
        try:
            wait_until(lambda: served.server._server._client is not None)
            served.server.stop()
            assert served.server.port == 0
            assert "lw-metrics" not in {thread.name for thread in threading.enumerate()}
        finally:
            over.set()
            sender.join(30)


def test_a_port_that_is_taken_is_said(served):
    """In a sentence with the option's name."""
    other = MetricsServer(served.server.port, lambda: None)
    with pytest.raises(ConfigError, match=r"metrics\.port .* cannot be opened"):
        other.start()
    assert other.port == 0
