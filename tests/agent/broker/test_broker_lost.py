"""A broker that is killed or freezes is noticed, and what was on its way is sent again by us."""

from __future__ import annotations

import pytest
from publisher_rig import TOPICS, send

pytestmark = pytest.mark.broker


def test_a_killed_broker_costs_repeats_but_no_result(
    mosquitto, connect, subscribe, wait_until
) -> None:
    """Killed six times in a stream: every result arrives, in order but for repeats."""
    plant = subscribe(mosquitto.port, TOPICS.result)
    publisher = connect(mosquitto.port)
    total, kills = 3000, 0
    done: set[int] = set()
    waiting: list[int] = []

    def stream() -> bool:
        nonlocal kills
        done.update(publisher.confirmed())
        lost = set(publisher.lost())
        assert not lost & done
        waiting[:] = [token for token in waiting if token not in done and token not in lost]
        for token in range(1, total + 1):
            if token in done or token in waiting:
                continue
            if not send(publisher, token):
                break
            waiting.append(token)
        if kills < 6 and len(done) > 400 * (kills + 1):
            kills += 1
            # What it acknowledged it has also forwarded, but a dying socket may lose that.
            mosquitto.freeze()
            done.update(publisher.confirmed())
            wait_until(lambda: {body["seq"] for body in plant.bodies} >= done)
            mosquitto.restart()
            wait_until(plant.ready.is_set)
        return len(done) == total

    wait_until(stream, deadline_s=120)
    assert kills == 6
    wait_until(lambda: {body["seq"] for body in plant.bodies} >= done)
    repeats = len(plant.bodies) - total
    assert 0 <= repeats <= kills * 20


def test_a_frozen_broker_is_noticed(mosquitto, connect, arrive, wait_until) -> None:
    """It takes connections and answers nothing: twice the keepalive, then it counts as lost."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    wait_until(lambda: send(publisher, 1))
    wait_until(lambda: list(publisher.confirmed()) == [1])
    mosquitto.freeze()
    send(publisher, 2)
    arrive(publisher, connected=False)
    assert list(publisher.lost()) == [2]
    assert "lost the broker" in publisher.fault
    mosquitto.thaw()
    arrive(publisher)


def test_stopping_does_not_wait_for_a_frozen_broker(mosquitto, connect, arrive) -> None:
    """Good-bye has a deadline, and paho's thread ends (the fixture looks for it)."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    mosquitto.freeze()
    publisher.stop()
    publisher.stop()
    assert not publisher.connected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_costs_only_the_connection(
    mosquitto, connect, arrive, wait_until, monkeypatch
) -> None:
    """It ends paho's thread, which still calls itself connected; we notice and begin anew."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug in a callback")

    publisher = connect(mosquitto.port)
    arrive(publisher)
    wait_until(lambda: list(publisher.confirmed()) == [] and not publisher._pending)
    first = publisher._connection
    first.on_publish = broken
    assert send(publisher, 3)
    wait_until(lambda: list(publisher.lost()) == [3])
    assert first.over
    arrive(publisher)
    assert publisher._connection is not first
    assert send(publisher, 3)
    wait_until(lambda: list(publisher.confirmed()) == [3])


def test_nothing_is_handed_over_twice_by_the_library(
    mosquitto, connect, arrive, subscribe, wait_until
) -> None:
    """What was on its way at a break is sent again by us alone."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    plant = subscribe(mosquitto.port, TOPICS.result)
    mosquitto.freeze()
    assert send(publisher, 1)
    mosquitto.kill()
    wait_until(lambda: list(publisher.lost()) == [1])
    mosquitto.start()
    arrive(publisher)
    wait_until(plant.ready.is_set)
    assert send(publisher, 2)
    wait_until(lambda: list(publisher.confirmed()) == [2])
    wait_until(lambda: plant.bodies)
    assert [body["seq"] for body in plant.bodies] == [2]
