"""From the ledger to the plant: the outbox, the telemetry lane and a real broker together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.broker.publisher import MqttPublisher
from agent.clock import SystemClock
from agent.config.document import Mqtt, Station
from agent.lanes.telemetry import TelemetryLane
from agent.ledger.rows import AddEvent, OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import Ledger, open_ledger
from agent.plant.messages import Topics, event_message, result_message
from agent.records import Event, GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

pytestmark = pytest.mark.broker

TOPICS = Topics(Station())
CLOCK = SystemClock()


class Plant:
    """A ledger with its telemetry lane, stepped by hand."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ledger: Ledger = open_ledger(folder, CLOCK, ballast_bytes=4096)
        section = Mqtt(host="127.0.0.1", port=port, keepalive_s=2)
        publisher = MqttPublisher(section, TOPICS.status, "plant-1", b"{}", b"{}")
        self.lane = TelemetryLane(
            publisher,
            self.ledger,
            TOPICS,
            lambda row: result_message(row, "d", self.ledger.epoch, CLOCK.now_ns()),
            lambda row: event_message(row, "d", self.ledger.epoch, CLOCK.now_ns()),
            lambda: b"{}",
            1_000_000_000,
            CLOCK,
        )
        self.count = 0

    def record(self, count: int) -> None:
        """Write complete parts, and an event."""
        batch = []
        for _ in range(count):
            self.count += 1
            part = Part(self.ledger.sequencer.next(), Trigger(1, self.count, CLOCK.now_ns()))
            verdict = Verdict(part, VerdictKind.REJECT, score=0.9, model="m 1")
            outcome = GateOutcome(1, self.count, OutcomeCode.REJECTED, CLOCK.now_ns())
            batch += [OpenPart(part, CLOCK.wall_ns()), SetVerdict(verdict), SetOutcome(outcome)]
        batch.append(AddEvent(Event("batch", f"{self.count} parts", CLOCK.now_ns()), 0))
        self.ledger.write(batch)

    def step(self) -> bool:
        """Let the lane come round; True when the outbox is empty."""
        self.lane.step()
        return not self.ledger.backlog() and not self.ledger.unpublished_events(1)

    def stop(self) -> None:
        self.lane.end()
        self.ledger.close()


@pytest.fixture
def make_plant(tmp_path: Path) -> Iterator[Callable[[int], Plant]]:
    """Return a maker of plants on one ledger folder."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    made: list[Plant] = []

    def make(port: int) -> Plant:
        made.append(Plant(folder, port))
        return made[-1]

    yield make
    for plant in made:
        plant.stop()


def results(subscriber) -> list[dict]:
    """Return the results among the bodies that have arrived."""
    return [body for body in subscriber.bodies if "verdict" in body]


def judge(bodies: list[dict], total: int) -> None:
    """Every part at least once, in order but for repeats, and each repeat the same."""
    first: dict[str, dict] = {}
    for body in bodies:
        known = first.setdefault(body["id"], body)
        assert {**known, "replayed": body["replayed"]} == body
    numbers = [body["seq"] for body in first.values()]
    assert len(numbers) == total
    assert numbers == sorted(numbers)
    assert [body["prev"] for body in first.values()] == [None, *numbers[:-1]]


def test_no_result_is_lost_when_the_broker_is_killed_in_the_stream(
    mosquitto, make_plant, subscribe, wait_until
) -> None:
    """Results and events of a running line, the broker killed four times meanwhile."""
    subscriber = subscribe(mosquitto.port, "linewarden/#")
    plant = make_plant(mosquitto.port)
    kills = 0

    def line() -> bool:
        nonlocal kills
        if plant.count < 2000:
            plant.record(10)
        if kills < 4 and len(results(subscriber)) > 300 * (kills + 1):
            kills += 1
            # What it acknowledged it has also forwarded, but a dying socket may lose that.
            mosquitto.freeze()
            plant.step()
            marked = plant.count - plant.ledger.backlog()
            wait_until(lambda: len({body["id"] for body in results(subscriber)}) >= marked)
            mosquitto.restart()
            wait_until(subscriber.ready.is_set)
        return plant.step() and plant.count == 2000

    wait_until(line, deadline_s=120)
    assert kills == 4
    wait_until(lambda: len({body["id"] for body in results(subscriber)}) == 2000)
    judge(results(subscriber), 2000)
    events = {body["id"] for body in subscriber.bodies if "kind" in body}
    assert len(events) == 200


def test_results_wait_for_a_broker_that_comes_later(
    make_mosquitto, make_plant, subscribe, wait_until
) -> None:
    """The line runs without a broker; its backlog goes out in order when there is one."""
    broker = make_mosquitto(started=False)
    plant = make_plant(broker.port)
    plant.record(300)
    for _ in range(20):
        plant.step()
    assert plant.ledger.backlog() == 300
    broker.start()
    subscriber = subscribe(broker.port, "linewarden/#")
    wait_until(plant.step, deadline_s=60)
    wait_until(lambda: len(results(subscriber)) >= 300)
    judge(results(subscriber), 300)
    assert plant.ledger.backlog() == 0


def test_a_restart_of_the_agent_repeats_only_what_was_not_marked(
    mosquitto, make_plant, subscribe, wait_until
) -> None:
    """Marks survive; the same ids go on under the same epoch."""
    subscriber = subscribe(mosquitto.port, "linewarden/#")
    plant = make_plant(mosquitto.port)
    plant.record(50)
    wait_until(plant.step)
    plant.stop()
    plant = make_plant(mosquitto.port)
    plant.count = 50
    plant.record(50)
    wait_until(plant.step)
    wait_until(lambda: len(results(subscriber)) >= 100)
    judge(results(subscriber), 100)
    assert len(results(subscriber)) == 100
