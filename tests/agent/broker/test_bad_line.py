"""A bad line to the broker: throughput falls, nothing is lost, and no lane waits for it."""

import pytest
from outage import TOPICS, Arrivals, Outage
from tcp_proxy import TcpProxy

from agent.broker.publisher import MqttPublisher
from agent.clock import SystemClock
from agent.config.document import Mqtt

pytestmark = pytest.mark.broker


@pytest.fixture
def proxy(mosquitto):
    """Return a line to mosquitto that can be made bad."""
    made = TcpProxy(mosquitto.port)
    yield made
    made.stop()


@pytest.fixture
def draining(tmp_path, proxy):
    """Return an outage, its lane behind the bad line, and its publisher."""
    outage = Outage(tmp_path, SystemClock())
    section = Mqtt(host="127.0.0.1", port=proxy.port, keepalive_s=2)
    publisher = MqttPublisher(section, TOPICS.status, "d", b"{}", b"{}")
    yield outage, outage.lane(publisher), publisher
    publisher.stop()
    outage.ledger.close()


def judge(messages, parts):
    """Every part arrived, first arrivals in order."""
    arrivals = Arrivals()
    for message in messages:
        arrivals.take(message.payload)
    assert arrivals.parts == parts
    return arrivals


def test_a_line_that_loses_a_third_of_its_packets_costs_only_time(
    mosquitto, proxy, draining, subscribe, wait_until
):
    """Every byte is late and every third packet must be sent again: all arrives, once each."""
    outage, lane, publisher = draining
    plant = subscribe(mosquitto.port, TOPICS.result)
    proxy.delay_s, proxy.loss, proxy.stall_s = 0.02, 0.3, 0.2
    outage.away(600)
    outage.drain(lane)
    wait_until(lambda: len(plant.messages) >= 600)
    assert proxy.stalls > 5
    assert judge(plant.messages, 600).repeats == 0
    assert publisher.fault == ""


def test_a_half_open_connection_is_noticed_and_replaced(
    mosquitto, proxy, draining, subscribe, wait_until
):
    """Both ends believe in it and nothing goes through: twice the keepalive, then anew."""
    outage, lane, publisher = draining
    plant = subscribe(mosquitto.port, TOPICS.result)
    outage.away(200)
    outage.drain(lane)
    outage.away(200)
    proxy.half_open = True

    def noticed():
        lane.step()
        return not publisher.connected

    wait_until(noticed)
    assert proxy.swallowed > 0
    assert "lost the broker" in publisher.fault
    assert outage.ledger.backlog() == 200
    proxy.half_open = False
    outage.drain(lane)
    assert proxy.accepted >= 2
    wait_until(lambda: len({message.payload for message in plant.messages}) >= 400)
    assert judge(plant.messages, 400).repeats <= 20


def test_the_line_may_break_at_any_byte(mosquitto, proxy, draining, subscribe, wait_until):
    """Cut again and again in the stream: at most a window comes twice for each cut."""
    outage, lane, publisher = draining
    plant = subscribe(mosquitto.port, TOPICS.result)
    outage.away(1_500)
    cuts = 0

    def cut():
        nonlocal cuts
        if publisher.connected and cuts < 4 and outage.ledger.backlog() < 1_500 - 300 * (cuts + 1):
            cuts += 1
            proxy.cut()

    outage.drain(lane, each=cut)
    assert cuts == 4
    wait_until(lambda: len({message.payload for message in plant.messages}) >= 1_500)
    assert judge(plant.messages, 1_500).repeats <= 20 * cuts
