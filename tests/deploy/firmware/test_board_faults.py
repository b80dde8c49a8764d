"""The board when line or belt go wrong: it rejects, says so, and recovers."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from firmware_board import BoardFirmware, needs_micropython
from firmware_host import BOOT, CONFIG, MS, Host, said
from firmware_models import load_tests
from firmware_talk import FOREVER, board, record_all, skip

from agent.gates import messages
from agent.gates.codes import OutcomeKind, RunPermit
from agent.gates.wire import DELIMITER, decode_frame, encode_frame

pytestmark = [needs_micropython, pytest.mark.usefixtures("interpreter")]
WIRE = load_tests("agent/gates/test_wire.py")
ANSWERS = {messages.Configured, messages.Run, messages.Refused}


def test_lost_edges_reject_everything_in_flight():
    """More edges than the ring holds before the loop comes round: none of the parts may pass."""
    host = board()
    part = host.part()
    host.allow(part)
    for _ in range(300):
        host.firmware.interrupt(host.now_us, covered=True)
        host.firmware.interrupt(host.now_us, covered=False)
    host.wait(600 * MS)
    assert host.outcomes()[part] is OutcomeKind.FAULT


def test_a_chattering_eye_is_one_part():
    """Two hundred edges within the debounce time between two turns of the loop: one part."""
    host = board()
    for step in range(100):
        host.firmware.interrupt(step * 20, covered=True)
        host.firmware.interrupt(step * 20 + 10, covered=False)
    host.now_us = 2 * MS
    host.wait(500 * MS)
    assert host.outcomes() == {1: OutcomeKind.REJECTED}


def test_a_repeated_frame_is_acked_again_and_does_nothing_else():
    """The same bytes twice: two acks, one refusal."""
    host = board()
    frame = encode_frame(messages.Pass(BOOT, 77, FOREVER), 200, host.link.boot)
    for _ in range(2):
        host.firmware.receive(DELIMITER + frame, host.now_us)
    heard = said(host.firmware.output(host.now_us))
    acks = [mark for ack in heard if isinstance(ack, messages.Ack) for mark in ack.marks]
    assert [seq for seq, _crc in acks] == [200, 200]
    assert [message.part for message in heard if isinstance(message, messages.Refused)] == [77]


def test_the_longest_frames_have_a_place_of_their_own_until_they_are_acked():
    """CONFIGURED with all its parts and those behind it: repeated whole, and nothing done twice."""
    host = board()
    told = replace(CONFIG, belt=WIRE.BELT, stops=True)
    orders = [(told, 100), (messages.Run(1, RunPermit.ON), 101), (messages.Pass(1, 2, 3), 102)]
    data = b"".join(encode_frame(each, seq, host.link.boot) for each, seq in orders)
    host.firmware.receive(data, host.now_us)
    first = said(host.firmware.output(host.now_us))
    answers = [each for each in first if type(each) in ANSWERS]
    assert {type(each) for each in answers} == ANSWERS
    host.firmware.receive(data, host.now_us)
    assert not [each for each in said(host.firmware.output(host.now_us)) if type(each) in ANSWERS]
    host.firmware.advance(host.now_us + 100 * MS)
    again = said(host.firmware.output(host.now_us + 100 * MS))
    assert all(answer in again for answer in answers)


@pytest.mark.parametrize(("off_by", "repeats"), [(0, 0), (1, 1)])
def test_an_ack_with_another_checksum_stops_no_repeat(off_by, repeats):
    """The number alone is not enough: it may be an old ack, long on its way."""
    host = board()
    host.wait(500 * MS)
    host.firmware.eye(host.now_us, covered=True)
    (told,) = frames(host.firmware.output(host.now_us))
    ack = messages.Ack(((told.seq, told.crc ^ off_by),))
    host.firmware.receive(DELIMITER + encode_frame(ack, 1, host.link.boot), host.now_us)
    again = frames(host.firmware.output(host.now_us + 50 * MS))
    assert [frame.seq for frame in again][:1] == [told.seq] * repeats


def frames(data):
    """Return the frames in what the board put out."""
    return [decode_frame(piece) for piece in data.split(DELIMITER) if piece]


def test_an_outcome_that_the_line_lost_is_told_until_it_is_recorded():
    """A newer part unrecorded, the line dead while the older ones end: every outcome comes."""
    host = board()
    for _ in range(4):
        host.part()
        host.wait(host.now_us + 20 * MS)
    record_all(host)
    host.part()
    host.wait(host.now_us + 200 * MS)
    host.heard.clear()
    dead_until_us = host.now_us + 1_000 * MS
    while host.now_us < dead_until_us:
        host.now_us += MS
        if host.now_us % (100 * MS) == 0:
            host.link.post(messages.Ping(host.now_us))
        host.firmware.receive(host.link.output(host.now_us * 1000), host.now_us)
        host.firmware.output(host.now_us)
    host.wait(host.now_us + 300 * MS)
    assert set(host.outcomes()) == {1, 2, 3, 4, 5}


def test_more_parts_than_are_kept_forget_the_oldest_and_say_so():
    """Nobody records 1,100 parts: memory stays, the reports forgotten are counted, it goes on."""
    host = board()
    firmware = host.firmware
    firmware.collect()
    for _ in range(1_024):
        host.now_us += 20 * MS
        host.part()
    full = firmware.collect()
    for _ in range(76):
        host.now_us += 20 * MS
        host.part()
    assert abs(firmware.collect() - full) < 2_000
    host.wait(host.now_us + 500 * MS, ping=False)
    assert firmware.lost == 2 * 76
    host.link = type(host.link)(0x0707_0001)
    host.heard.clear()
    host.greet()
    part = host.part()
    host.allow(part)
    host.wait(host.now_us + 6_000 * MS)
    assert host.outcomes()[part] is OutcomeKind.PASSED
    # The part just made took the place of number 77, which may have been told before.
    assert set(host.outcomes()) - {77} == set(range(78, part + 1))


def test_a_queue_that_overflows_for_long_keeps_numbers_and_place():
    """A delay longer than 1,024 parts with two places: all rejected, and it recovers."""
    config = messages.Config(22_000 * MS, 8 * MS, 17 * MS, 3 * MS, 2)
    host = board(config=config)
    for _ in range(1_100):
        host.now_us += 18 * MS
        host.part()
    assert host.firmware.open_for is None
    skip(host, host.now_us + 23_000 * MS)
    for _ in range(60):
        assert OutcomeKind.PASSED not in host.outcomes().values()
        record_all(host)
        skip(host, host.now_us + 100 * MS)
    host.say(messages.Ping(1))
    pong = host.all(messages.Pong)[-1]
    assert (pong.in_flight, pong.unrecorded) == (0, 0)
    part = host.part()
    assert part == 1_101
    host.say(messages.Pass(BOOT, part, FOREVER))
    skip(host, host.now_us + 23_000 * MS)
    assert host.outcomes()[part] is OutcomeKind.PASSED


def test_memory_does_not_grow_with_the_parts():
    """Three hundred parts passed, recorded and forgotten leave as much in use as a hundred."""
    host = board()
    used = []
    for _ in range(6):
        for _ in range(50):
            part = host.part()
            host.allow(part)
            host.wait(host.now_us + 25 * MS)
        host.wait(host.now_us + 500 * MS)
        assert sum(kind is OutcomeKind.PASSED for kind in host.outcomes().values()) == 50
        record_all(host)
        used.append(host.firmware.collect())
    assert max(used[2:]) - used[1] < 2_000


def test_a_reset_in_the_middle_of_a_line_obeys_no_old_word():
    """Power gone while a PASS was half on the wire: another boot, and the rest means nothing."""
    host = board()
    part = host.part()
    host.allow(part)
    permission = encode_frame(messages.Pass(BOOT, part, FOREVER), 9, host.link.boot)
    host.firmware.receive(permission[:7], host.now_us)
    firmware = BoardFirmware(BOOT + 1, 0)
    firmware.receive(permission[7:], 0)
    assert firmware.refused == 1
    heir = Host(0x0606_0001, firmware)
    heir.say(messages.Hello(messages.VERSION, heir.link.boot, 0))
    heir.link.meet(firmware.boot)
    heir.say(messages.Ping(0))
    heir.say(CONFIG)
    part = heir.part()
    heir.allow(part, boot=BOOT)
    assert [refused.reason.name for refused in heir.all(messages.Refused)] == ["OTHER_BOOT"]
    heir.wait(500 * MS)
    assert heir.outcomes() == {part: OutcomeKind.REJECTED}


def test_noise_and_mutated_frames_open_no_gate_and_stop_no_board():
    """Thousands of spoilt frames into a running conversation: nothing passes, all works on."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    host = board()
    whole = [*WIRE.ONE_OF_EACH, messages.Pass(BOOT, 1, FOREVER), messages.Pass(BOOT, 2, FOREVER)]
    for _ in range(40):
        host.part()
        pieces = []
        for _ in range(100):
            data = bytearray(encode_frame(rng.choice(whole), rng.randrange(256), host.link.boot))
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            # A change that changes nothing would be a true word of the host.
            pieces.append(bytes(data) if is_damaged(data, whole) else b"")
            pieces.append(rng.randbytes(rng.randrange(20)))
        host.firmware.receive(b"".join(pieces) + DELIMITER, host.now_us)
        host.wait(host.now_us + 50 * MS)
        assert host.firmware.open_for is None, f"seed {seed}"
    host.wait(host.now_us + 600 * MS)
    assert OutcomeKind.PASSED not in host.outcomes().values(), f"seed {seed}"
    assert host.firmware.refused > 3_000
    record_all(host)
    part = host.part()
    host.allow(part)
    host.wait(host.now_us + 500 * MS)
    assert host.outcomes()[part] is OutcomeKind.PASSED


def is_damaged(data, whole):
    """Whether no piece of `data` is a frame that the agent would take."""
    reader = WIRE.FrameReader()
    return not reader.feed(bytes(data) + DELIMITER)
