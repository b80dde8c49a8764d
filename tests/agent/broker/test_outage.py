"""A broker that is away for long: nothing is lost, memory stays, the backlog goes out in order."""

import pytest
from outage import STATE_EVERY_NS, TOPICS, Arrivals, InstantBroker, Outage, memory_bytes

from agent.broker.publisher import MqttPublisher
from agent.clock import SystemClock
from agent.config.document import Mqtt

ROWS = 20_000  # over half an hour of parts; `make soak` takes a day and a week
MOST_GROWTH = 8 * 1024 * 1024  # the rows alone, if they were held, would be three times that


@pytest.fixture
def make_outage(tmp_path):
    """Return a maker of outages whose ledgers are closed in the end."""
    made = []

    def make(clock=None):
        made.append(Outage(tmp_path, clock))
        return made[-1]

    yield make
    for one in made:
        one.ledger.close()


def test_a_long_outage_drains_in_order_within_flat_memory(make_outage):
    """Every id arrives, in the order of the belt; repeats only from cuts; state goes on."""
    outage = make_outage()
    arrivals = Arrivals()
    broker = InstantBroker(arrivals, cut_every=1999)
    lane = outage.lane(broker)
    broker.connected = False
    outage.away(500)
    lane.step()
    before = memory_bytes()
    outage.away(ROWS - 500)
    lane.step()
    assert arrivals.parts == 0
    assert outage.ledger.backlog() == ROWS
    broker.connected = True
    start_ns, states = outage.clock.now_ns(), broker.states
    outage.drain(lane)
    took_ns = outage.clock.now_ns() - start_ns
    assert memory_bytes() - before < MOST_GROWTH
    assert arrivals.parts == ROWS
    assert broker.cuts >= 9
    assert arrivals.repeats <= 20 * broker.cuts
    assert broker.states - states >= took_ns // STATE_EVERY_NS
    assert outage.ledger.balance().holds


def test_parts_that_come_while_it_drains_wait_their_turn(make_outage):
    """The backlog first: a subscriber sees no gap that closes later."""
    outage, arrivals = make_outage(), Arrivals()
    lane = outage.lane(InstantBroker(arrivals))
    outage.away(2_000)

    def more():
        if outage.count < 4_000:
            outage.away(20)

    outage.drain(lane, each=more)
    assert arrivals.parts == outage.count >= 4_000
    assert arrivals.repeats == 0


@pytest.mark.broker
def test_a_real_broker_gets_the_whole_backlog(make_outage, mosquitto, subscribe, wait_until):
    """The same with mosquitto at the other end: ids complete, first arrivals in order."""
    outage = make_outage(SystemClock())
    outage.away(3_000)
    plant = subscribe(mosquitto.port, TOPICS.result)
    section = Mqtt(host="127.0.0.1", port=mosquitto.port)
    publisher = MqttPublisher(section, TOPICS.status, "d", b"{}", b"{}")
    lane = outage.lane(publisher)
    try:
        outage.drain(lane)
        wait_until(lambda: len(plant.messages) >= 3_000)
    finally:
        publisher.stop()
    arrivals = Arrivals()
    for message in plant.messages:
        arrivals.take(message.payload)
    assert (arrivals.parts, arrivals.repeats) == (3_000, 0)
