"""The firmware's frames and the agent's are the same, byte for byte, both ways."""

from __future__ import annotations

import random

from firmware_board import needs_micropython, run_vectors
from firmware_models import load_tests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import WireError
from agent.gates.wire import DELIMITER, FrameReader, checksum, decode_frame, encode_frame, stuff

pytestmark = needs_micropython
WIRE = load_tests("agent/gates/test_wire.py")
MANY = settings(
    max_examples=600, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def collect(strategy):
    """Return the examples that hypothesis makes, so that one process can answer them all."""
    found = []

    @MANY
    @given(strategy)
    def keep(example):
        found.append(example)

    keep()
    return found


def shown(frame):
    """Return a frame as the firmware's side writes it."""
    kind, content = frame.message.TYPE, frame.body[:-2]
    return f"{kind} {frame.seq} {frame.boot} {frame.crc} {content.hex()}".rstrip()


def judged(stuffed):
    """Return what the agent makes of one frame."""
    try:
        return shown(decode_frame(stuffed))
    except WireError:
        return "refused"


def sealed(kind, payload):
    """Return a frame with a right checksum, whatever stands in it."""
    body = bytes((kind, 1, 2, 3)) + payload
    return stuff(body + checksum(body).to_bytes(2, "little"))


def test_both_sides_make_the_same_bytes_of_every_message():
    """What the agent encodes the firmware encodes alike, and reads back to the same fields."""
    cases = collect(st.tuples(WIRE.MESSAGES, WIRE.U8, WIRE.U32))
    cases += [(message, 200, 0xABCD) for message in WIRE.ONE_OF_EACH]
    frames = [encode_frame(*case) for case in cases]
    orders = [f"E {m.TYPE} {seq} {boot} {m.payload().hex()}" for m, seq, boot in cases]
    orders += [f"D {frame[:-1].hex()}" for frame in frames]
    answers = run_vectors(orders)
    expected = [f"{frame.hex()} {decode_frame(frame[:-1]).crc}" for frame in frames]
    expected += [judged(frame[:-1]) for frame in frames]
    assert len({case[0].TYPE for case in cases}) == 14
    assert [answer.rstrip() for answer in answers] == expected


def test_both_sides_refuse_the_same_frames():
    """Noise, mutated frames, right checksums over nonsense: refused here is refused there."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    whole = [encode_frame(message, 200, 0xABCD)[:-1] for message in WIRE.ONE_OF_EACH]
    cases = [mutated(rng, rng.choice(whole)) for _ in range(2_000)]
    cases += [rng.randbytes(rng.randrange(1, 60)).replace(DELIMITER, b"\1") for _ in range(1_000)]
    cases += [sealed(kind, rng.randbytes(size)) for kind in range(17) for size in range(49)]
    cases += [sealed(*spoilt(rng, rng.choice(WIRE.ONE_OF_EACH))) for _ in range(1_000)]
    cases = [case for case in cases if len(case) <= WIRE.MAX_STUFFED]
    answers = run_vectors([f"D {case.hex()}" for case in cases])
    expected = [judged(case) for case in cases]
    assert answers == expected, f"seed {seed}"
    assert 0 < expected.count("refused") < len(expected)


def test_both_sides_cut_a_stream_alike_however_it_comes():
    """Frames, noise and garbage without end in pieces of any size: the same frames and counts."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    orders, expected = [], []
    for _ in range(300):
        data, size = stream(rng), rng.choice([1, 7, 55, 56, 500])
        reader = FrameReader()
        frames = [
            frame for at in range(0, len(data), size) for frame in reader.feed(data[at : at + size])
        ]
        orders.append(f"R {size} {data.hex()}")
        expected.append(";".join([str(reader.refused), *map(shown, frames)]))
    assert [answer.rstrip() for answer in run_vectors(orders)] == expected, f"seed {seed}"


def mutated(rng, stuffed):
    """Return a frame with a few bytes changed, taken out or put in, none of them zero."""
    data = bytearray(stuffed)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[at] = rng.randrange(1, 256)
        elif kind == 1 and len(data) > 1:
            del data[at]
        else:
            data.insert(at, rng.randrange(1, 256))
    return bytes(data)


def spoilt(rng, message):
    """Return the type and payload of a message with one byte of another value."""
    payload = bytearray(message.payload())
    if payload:
        payload[rng.randrange(len(payload))] = rng.randrange(256)
    return message.TYPE, bytes(payload)


def stream(rng):
    """Return frames with noise between them."""
    pieces = []
    for _ in range(rng.randrange(12)):
        frame = encode_frame(rng.choice(WIRE.ONE_OF_EACH), rng.randrange(256), 7)
        noise = rng.randbytes(rng.choice([0, 0, 3, 54, 56, 300]))
        pieces += [noise, rng.choice([frame, frame, frame[:5], frame + frame])]
    return b"".join(pieces)
