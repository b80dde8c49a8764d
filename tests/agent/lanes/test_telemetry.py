"""Ledger -> broker -> mark: each row until the broker has it, in the order of the belt."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.config.document import Station
from agent.errors import LedgerError
from agent.lanes.telemetry import TelemetryLane
from agent.plant.messages import Topics


class FakeOutbox:
    """Rows 1..n and events 1..m, each until marked."""

    def __init__(self, rows, events=0):
        self.rows = set(range(1, rows + 1))
        self.events = set(range(1, events + 1))

    def unpublished(self, limit, after=0):
        """Return rows beyond `after`."""
        return [SimpleNamespace(seq=n) for n in sorted(self.rows) if n > after][:limit]

    def unpublished_events(self, limit, after=0):
        """Return events beyond `after`."""
        return [SimpleNamespace(number=n) for n in sorted(self.events) if n > after][:limit]

    def mark_published(self, seqs):
        """Forget rows."""
        self.rows -= set(seqs)

    def mark_events_published(self, numbers):
        """Forget events."""
        self.events -= set(numbers)

    def tidy(self):
        """Nothing to do."""


class FakePublisher:
    """A broker with a window, which confirms or loses what a test says."""

    def __init__(self, window=5):
        self.window = window
        self.connected = True
        self.pending, self.sent, self.states = [], [], 0
        self.acknowledged, self.gone = [], []
        self.stopped = False

    def start(self):
        """Nothing to do."""

    def publish(self, topic, body, *, token, retain=False):
        """Take what fits."""
        if token is None:
            self.states += topic.endswith("/state") and retain
            return True
        if len(self.pending) >= self.window:
            return False
        self.pending.append(token)
        self.sent.append(token)
        return True

    def confirmed(self):
        """Return what was acknowledged."""
        tokens, self.acknowledged = self.acknowledged, []
        return tokens

    def lost(self):
        """Return what will not be acknowledged."""
        tokens, self.gone = self.gone, []
        return tokens

    def acknowledge(self, count):
        """Acknowledge the oldest."""
        self.acknowledged += self.pending[:count]
        del self.pending[:count]

    def cut(self):
        """Lose the connection and all that was pending."""
        self.gone += self.pending
        self.pending = []

    def stop(self):
        """Note it."""
        self.stopped = True


def lane(outbox, publisher, clock=None):
    """Return a telemetry lane between the two."""
    return TelemetryLane(
        publisher, outbox, Topics(Station()), lambda _: b"r", lambda _: b"e", lambda: b"s",
        5_000_000_000, clock or ManualClock(),
    )  # fmt: skip


def test_a_row_is_marked_only_once_the_broker_has_it():
    """Sent is not published."""
    outbox, publisher = FakeOutbox(2), FakePublisher()
    telemetry = lane(outbox, publisher)
    telemetry.step()
    assert publisher.sent == [1, 2]
    assert outbox.rows == {1, 2}
    publisher.acknowledge(1)
    telemetry.step()
    assert outbox.rows == {2}


def test_no_more_is_handed_over_than_the_window_takes():
    """A long backlog is drained in order, window by window, each row once."""
    outbox, publisher = FakeOutbox(23), FakePublisher(window=5)
    telemetry = lane(outbox, publisher)
    while outbox.rows:
        telemetry.step()
        assert len(publisher.pending) <= 5
        publisher.acknowledge(3)
    assert publisher.sent == list(range(1, 24))


def pauses(outbox, publisher, steps, acknowledge):
    """Return how long the lane rested after each step, in ms."""
    clock = ManualClock()
    telemetry = lane(outbox, publisher, clock)
    rests = []
    for _ in range(steps):
        publisher.acknowledge(acknowledge)
        before_ns = clock.now_ns()
        telemetry.step()
        rests.append((clock.now_ns() - before_ns) / 1e6)
    return rests


def test_a_backlog_is_drained_without_rest():
    """As long as the broker acknowledges and more waits."""
    assert pauses(FakeOutbox(200), FakePublisher(), 20, acknowledge=3)[1:] == [1.0] * 19


def test_a_broker_that_stalls_is_not_asked_all_the_time():
    """Its window stays full; a backlog behind it is no reason to hurry."""
    assert pauses(FakeOutbox(200), FakePublisher(), 20, acknowledge=0) == [10.0] * 20


def test_what_the_line_makes_is_no_backlog():
    """All that is there has gone out: the other lanes need the time more."""
    assert pauses(FakeOutbox(4), FakePublisher(), 5, acknowledge=5) == [10.0] * 5


def test_what_was_lost_goes_again_and_nothing_else():
    """After a cut the unacknowledged rows are sent again, the others not."""
    outbox, publisher = FakeOutbox(4), FakePublisher()
    telemetry = lane(outbox, publisher)
    telemetry.step()
    publisher.acknowledge(2)
    publisher.cut()
    telemetry.step()
    assert publisher.sent == [1, 2, 3, 4, 3, 4]


def test_nothing_is_sent_while_the_broker_is_away():
    """Rows wait in the ledger."""
    outbox, publisher = FakeOutbox(3), FakePublisher()
    publisher.connected = False
    telemetry = lane(outbox, publisher)
    telemetry.step()
    assert publisher.sent == []
    assert publisher.states == 0


def test_events_are_told_as_well():
    """Events have negative tokens of their own and are marked alike."""
    outbox, publisher = FakeOutbox(1, events=2), FakePublisher()
    telemetry = lane(outbox, publisher)
    telemetry.step()
    assert publisher.sent == [1, -1, -2]
    publisher.acknowledge(3)
    telemetry.step()
    assert not outbox.rows
    assert not outbox.events


def test_a_disk_that_cannot_be_read_stops_no_state(monkeypatch):
    """On a dead disk the plant still hears how the line is, and the lane lives."""
    outbox, publisher = FakeOutbox(3), FakePublisher()

    def dead(*_):
        raise LedgerError("the disk is gone")

    monkeypatch.setattr(outbox, "unpublished", dead)
    telemetry = lane(outbox, publisher)
    for _ in range(30):
        telemetry.step()
    assert publisher.states == 1
    monkeypatch.undo()
    telemetry.step()
    assert publisher.sent == [1, 2, 3]


def test_state_comes_every_few_seconds():
    """Retained, at its own pace, however busy the outbox is."""
    clock, publisher = ManualClock(), FakePublisher()
    telemetry = lane(FakeOutbox(0), publisher, clock)
    for _ in range(11):
        telemetry.step()
        clock.advance(1_000_000_000)
    assert publisher.states == 3


def test_without_a_broker_configured_it_only_tidies():
    """No publisher, no message, no fault."""
    outbox = FakeOutbox(3)
    telemetry = lane(outbox, None)
    telemetry.step()
    telemetry.end()
    assert outbox.rows == {1, 2, 3}


def test_the_end_says_good_bye():
    """Stopping drains what it can and closes the connection."""
    outbox, publisher = FakeOutbox(2), FakePublisher()
    telemetry = lane(outbox, publisher)
    telemetry.step()
    publisher.acknowledge(2)
    telemetry.end()
    assert not outbox.rows
    assert publisher.stopped


@pytest.mark.parametrize("window", [1, 4])
@given(moves=st.lists(st.sampled_from(["step", "ack", "cut"]), max_size=60))
def test_every_row_arrives_whatever_the_broker_does(window, moves):
    """Random acknowledgements and cuts: nothing is lost, and nothing is marked unconfirmed."""
    outbox, publisher = FakeOutbox(12, events=3), FakePublisher(window)
    telemetry, acknowledged = lane(outbox, publisher), set()
    for move in [*moves, *["step", "ack"] * 40]:
        if move == "step":
            telemetry.step()
        elif move == "cut":
            publisher.cut()
        else:
            acknowledged |= set(publisher.pending[:2])
            publisher.acknowledge(2)
        assert {row for row in range(1, 13) if row not in outbox.rows} <= acknowledged
    telemetry.step()
    assert not outbox.rows
    assert not outbox.events
