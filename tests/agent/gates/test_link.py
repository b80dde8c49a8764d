"""The link: what is sent arrives once, however bad the line, and never after its expiry."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gates import messages
from agent.gates.link import MAX_OPEN, MIN_REPEAT_NS, Link
from agent.gates.wire import DELIMITER, decode_frame
from agent.sim.line_faults import FaultRates, LineFaults

MS = 1_000_000
FOREVER = 2**62


def pair():
    """Return two ends that have met."""
    here, there = Link(0x1111_0001), Link(0x2222_0002)
    here.meet(there.boot)
    there.meet(here.boot)
    return here, there


def frames(data):
    """Return the frames in what a link put out."""
    return [decode_frame(piece) for piece in data.split(DELIMITER) if piece]


def passing(part):
    """Return a message that is acked and repeated."""
    return messages.Pass(1, part, 5)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
    st.floats(0, 0.5),
    st.floats(0, 0.7),
    st.integers(1, 400),
)
def test_everything_arrives_on_a_line_that_loses_damages_repeats_and_delays(
    seed, drop, corrupt, repeat, delay, count
):
    """All messages arrive, none is made up, and whatever arrives twice is the same message."""
    rates = FaultRates(drop, corrupt, repeat, delay, delay_ns=200 * MS)
    down, up = LineFaults(rates, seed), LineFaults(rates, seed + 1)
    here, there = pair()
    waiting = [passing(part) for part in range(count)]
    sent, got, now = set(waiting), set(), 0
    while len(got) < count and now < 120_000 * MS:
        while waiting and here.send(waiting[0], now, FOREVER):
            waiting.pop(0)
        down.put(here.output(now), now)
        got.update(there.receive(down.take(now), now))
        up.put(there.output(now), now)
        assert here.receive(up.take(now), now) == []
        assert here.open_frames <= MAX_OPEN
        now += 3 * MS
    assert got == sent


def test_a_duplicate_is_acked_again_and_does_nothing():
    """The same frame, twice: handed on once, acked twice."""
    here, there = pair()
    here.send(passing(1), 0, FOREVER)
    data = here.output(0)
    assert there.receive(data + data, 0) == [passing(1)]
    acks = [frame.message for frame in frames(there.output(0))]
    frame = frames(data)[0]
    assert acks == [messages.Ack(((frame.seq, frame.crc),) * 2)]


def test_a_number_that_comes_round_again_is_no_duplicate():
    """Only the same number with the same content is a repeat: 256 messages later it is new."""
    here, there = pair()
    got = []
    for part in range(1000):
        here.send(passing(part), part, FOREVER)
        got += there.receive(here.output(part), part)
        here.receive(there.output(part), part)
    assert got == [passing(part) for part in range(1000)]


def test_a_repeat_keeps_its_number_and_waits_for_twice_the_round_trip():
    """The first repeat comes after 10 ms or two round trips, whichever is longer."""
    here, there = pair()
    here.send(passing(1), 0, FOREVER)
    first = here.output(0)
    assert here.output(MIN_REPEAT_NS - 1) == b""
    assert here.output(MIN_REPEAT_NS) == first
    there.receive(first, 0)
    here.receive(there.output(0), 30 * MS)
    here.send(passing(2), 100 * MS, FOREVER)
    second = here.output(100 * MS)
    here.receive(b"", 100 * MS)
    there.receive(second, 0)
    here.receive(there.output(0), 130 * MS)
    assert here.round_trip_ns == 30 * MS
    here.send(passing(3), 200 * MS, FOREVER)
    third = here.output(200 * MS)
    assert here.output(260 * MS - 1) == b""
    assert here.output(260 * MS) == third


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 40))
def test_nothing_is_sent_at_or_after_its_expiry(expiry_ms, step_ms):
    """A message without an ack is repeated until its expiry and then never again."""
    here, _there = pair()
    now, sent_at = 0, []
    assert here.send(passing(1), 0, expiry_ms * MS)
    while now < 1500 * MS:
        if here.output(now):
            sent_at.append(now)
        now += step_ms * MS
    assert sent_at
    assert max(sent_at) < expiry_ms * MS
    assert here.open_frames == 0
    assert not here.send(passing(2), expiry_ms * MS, expiry_ms * MS)


def test_too_many_open_frames_are_refused_not_queued():
    """The sender is told when the line takes no more."""
    here, _there = pair()
    assert all(here.send(passing(part), 0, FOREVER) for part in range(MAX_OPEN))
    assert not here.send(passing(99), 0, FOREVER)


def test_only_hello_counts_from_a_stranger():
    """Frames of another boot are counted and dropped, their acks too."""
    _here, there = pair()
    stranger = Link(0x3333_0003)
    stranger.meet(there.boot)
    stranger.send(passing(1), 0, FOREVER)
    there.send(passing(2), 0, FOREVER)
    mine = frames(there.output(0))[0]
    stranger.post(messages.Ack(((mine.seq, mine.crc),)))
    assert there.receive(stranger.output(0), 0) == []
    assert (there.strange, there.open_frames) == (2, 1)
    hello = messages.Hello(1, stranger.boot, 0)
    stranger.post(hello)
    assert there.receive(stranger.output(0), 0) == [hello]


def test_an_ack_that_was_long_on_its_way_means_no_newer_frame():
    """An ack of the same number for another content leaves the frame open."""
    here, there = pair()
    here.send(passing(1), 0, FOREVER)
    mine = frames(here.output(0))[0]
    there.post(messages.Ack(((mine.seq, mine.crc ^ 1),)))
    here.receive(there.output(0), 0)
    assert here.open_frames == 1
    there.post(messages.Ack(((mine.seq, mine.crc),)))
    here.receive(there.output(0), 0)
    assert here.open_frames == 0


def test_a_new_meeting_forgets_what_was_open():
    """Nothing said to one boot is repeated to the next."""
    here, _there = pair()
    here.send(passing(1), 0, FOREVER)
    here.meet(0x4444_0004)
    assert here.output(10**12) == b""
    assert here.due_ns is None
