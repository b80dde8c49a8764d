"""The frames of the controller protocol: exact, bounded, and refusing what is damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import WireError
from agent.gates import messages
from agent.gates.codes import (
    BeltMode,
    ConfigStatus,
    Faults,
    OutcomeKind,
    Refusal,
    ReportKind,
    RunPermit,
    Wiring,
)
from agent.gates.wire import (
    DELIMITER,
    MAX_STUFFED,
    FrameReader,
    checksum,
    decode_frame,
    encode_frame,
    stuff,
    unstuff,
)

U8, U16 = st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
BELTS = st.builds(messages.Belt, st.sampled_from(BeltMode), U32, U32, U32, U32, U8)
CONFIGS = st.builds(
    messages.Config, U32, U32, U32, U32, U16, st.sampled_from(Wiring), st.none() | BELTS,
    st.booleans(),
)  # fmt: skip
KINDS = st.sampled_from(OutcomeKind)
REPORTS = st.tuples(st.sampled_from(ReportKind), U32)
FAULTS = st.integers(0, 127).map(Faults)
MESSAGES = st.one_of(
    st.builds(messages.Hello, U16, U32, U32, U16),
    CONFIGS,
    st.builds(messages.Configured, st.sampled_from(ConfigStatus), CONFIGS),
    st.builds(messages.Trigger, U32, U64, KINDS),
    st.builds(messages.Pass, U32, U32, U64),
    st.builds(messages.Refused, U32, st.sampled_from(Refusal)),
    st.builds(messages.Outcome, U32, U64, KINDS, st.booleans()),
    st.builds(messages.Recorded, st.lists(REPORTS, max_size=messages.MAX_RECORDED).map(tuple)),
    st.builds(messages.Ping, U64),
    st.builds(messages.Pong, U64, U64, FAULTS, U16, U16, U32, U32),
    st.builds(messages.Ack, st.lists(st.tuples(U8, U16), max_size=messages.MAX_ACKS).map(tuple)),
    st.builds(messages.Fault, FAULTS),
    st.just(messages.Bye()),
    st.builds(messages.Run, U32, st.sampled_from(RunPermit)),
)
BELT = messages.Belt(BeltMode.TICKS, 2_000, 40, 85, 10_000)
CONFIG = messages.Config(400_000, 8_000, 17_000, 3_000, 64)
ONE_OF_EACH = [
    messages.Hello(1, 0xDEADBEEF, 0x1234, 4096),
    CONFIG,
    messages.Configured(ConfigStatus.BUSY, CONFIG),
    replace(CONFIG, belt=BELT),
    messages.Configured(ConfigStatus.NO_ENCODER, replace(CONFIG, belt=BELT)),
    messages.Trigger(77, 123_456_789_012, OutcomeKind.NONE),
    messages.Pass(0xDEADBEEF, 77, 123_456_999_000),
    messages.Refused(77, Refusal.PAST_WINDOW),
    messages.Outcome(77, 123_457_000_000, OutcomeKind.PASSED, True),
    messages.Recorded(((ReportKind.TRIGGER, 77), (ReportKind.OUTCOME, 70))),
    messages.Ping(2**63 + 5),
    messages.Pong(5, 6, Faults.QUEUE, 7, 8, 9, 10),
    messages.Ack(((0, 0x1234), (255, 0))),
    messages.Fault(Faults.HEARTBEAT | Faults.PHOTO_EYE),
    messages.Bye(),
    replace(CONFIG, stops=True),
    replace(CONFIG, belt=BELT, stops=True),
    messages.Configured(ConfigStatus.NO_RUN_OUTPUT, replace(CONFIG, belt=BELT, stops=True)),
    messages.Run(3, RunPermit.WHILE_HEARD),
]


def test_the_checksum_is_the_documented_one():
    """CRC-16/CCITT-FALSE of the usual check string is 29B1."""
    assert checksum(b"123456789") == 0x29B1


def test_a_ping_has_exactly_these_bytes():
    """One frame is pinned byte by byte, for whoever writes the firmware."""
    body = bytes([9, 5, 0x34, 0x12]) + (1).to_bytes(8, "little") + bytes(22)
    body += checksum(body).to_bytes(2, "little")
    frame = encode_frame(messages.Ping(1), seq=5, boot=0x99991234)
    assert unstuff(frame[:-1]) == body
    assert frame[:6] == bytes([6, 9, 5, 0x34, 0x12, 1])
    assert frame[-1:] == DELIMITER


@settings(deadline=None)
@given(MESSAGES, U8, U32)
def test_every_message_comes_back_as_it_was_sent(message, seq, boot):
    """What is encoded is decoded to the same message, number and boot."""
    data = encode_frame(message, seq, boot)
    frame = decode_frame(data[:-1])
    assert (frame.message, frame.seq, frame.boot) == (message, seq, boot & 0xFFFF)
    assert data.count(DELIMITER) == 1
    assert len(data) <= MAX_STUFFED + 1


@settings(deadline=None)
@given(st.binary(max_size=54))
def test_stuffing_takes_all_zeros_out_and_back_in(body):
    """COBS is undone exactly, and its result holds no delimiter."""
    stuffed = stuff(body)
    assert DELIMITER not in stuffed
    assert len(stuffed) == len(body) + 1
    assert unstuff(stuffed) == body


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_no_single_changed_byte_makes_another_message(message):
    """Each byte of a frame is changed to each other value: none gives a message that counts."""
    data = encode_frame(message, 200, 0xABCD)
    for at in range(len(data)):
        for value in set(range(256)) - {data[at]}:
            reader = FrameReader()
            frames = reader.feed(data[:at] + bytes((value,)) + data[at + 1 :] + DELIMITER)
            assert frames == []
            assert reader.refused >= 1


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_random_bytes_are_refused_with_our_own_error(data):
    """Whatever stands between two delimiters, the worst it can do is a WireError."""
    stuffed = data.replace(DELIMITER, b"")
    try:
        frame = decode_frame(stuffed)
    except WireError:
        return
    assert encode_frame(frame.message, frame.seq, frame.boot)[:-1] == stuffed


@pytest.mark.parametrize(
    ("kind", "payload"),
    [(0, b""), (200, b""), (4, b"short"), (4, bytes(12) + b"\x63"), (3, b""), (8, b"\x07\x00")],
)
def test_a_right_checksum_does_not_excuse_a_wrong_message(kind, payload):
    """Unknown types, lengths and code numbers are refused though the checksum is right."""
    body = bytes([kind, 1, 2, 3]) + payload
    data = stuff(body + checksum(body).to_bytes(2, "little"))
    with pytest.raises(WireError):
        decode_frame(data)


@settings(max_examples=50)
@given(st.lists(MESSAGES, max_size=12), st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_whole_however_the_port_cuts_them(sent, cuts):
    """The reader joins what arrives in pieces of any size."""
    data = b"".join(encode_frame(message, n, 7) for n, message in enumerate(sent))
    reader, got, at = FrameReader(), [], 0
    while at < len(data):
        size = cuts[len(got) % len(cuts)]
        got += reader.feed(data[at : at + size])
        at += size
    assert [frame.message for frame in got] == sent
    assert reader.refused == 0


def test_a_damaged_frame_costs_only_itself():
    """The frames before and after a damaged one arrive."""
    first, second, third = (encode_frame(messages.Ping(n), n, 7) for n in range(3))
    reader = FrameReader()
    got = reader.feed(first + second[:5] + b"\x55" + second[6:] + third)
    assert [frame.seq for frame in got] == [0, 2]
    assert reader.refused == 1


def test_garbage_without_end_takes_no_memory():
    """Bytes without a delimiter are dropped, counted once, and do no harm to the next frame."""
    reader = FrameReader()
    for _ in range(1000):
        assert reader.feed(b"\x55" * 1000) == []
        assert len(reader._rest) <= MAX_STUFFED
    frame = encode_frame(messages.Ping(1), 1, 7)
    assert [got.message for got in reader.feed(DELIMITER + frame)] == [messages.Ping(1)]
    assert reader.refused == 1


def test_ping_and_pong_are_equally_long():
    """Both take the line for the same time, so that their middle is the middle."""
    answer = next(one for one in ONE_OF_EACH if isinstance(one, messages.Pong))
    ping, pong = (len(encode_frame(m, 1, 7)) for m in (messages.Ping(2**60), answer))
    assert ping == pong
