"""Every parser of bytes that come from outside, each with a judge of what it took for good.

A target is a function of a random source. It returns True when the parser took the bytes, and
fails when the parser raised anything but its own error, or took a lie.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from bundles import CAMERA, some_manifest
from firmware_host import CONFIG, MS, Host
from fuzz_corpus import (
    GOOD_CONFIG,
    good_bundle,
    good_jpeg,
    good_marks,
    option_keys,
    scratch_folder,
    traffic,
)
from mangle import mangle, mangle_toml

from agent.audit.rows import AuditHead, AuditRow, encode_head, encode_row, parse_head, parse_line
from agent.cameras.pixels import Layout, decode
from agent.config.document import parse_config
from agent.errors import ConfigError, LineError
from agent.gates import messages, modbus_frame
from agent.gates.partbook import PartBook
from agent.gates.session import Session
from agent.gates.terms import Terms
from agent.gates.wire import FrameReader, encode_frame
from agent.ledger.sequence import SEQUENCE_NAME, read_marks
from agent.line.files import REQUEST_NAME, Request, take_request
from bundle.container import read_container, write_container
from bundle.errors import BundleError, StateError
from bundle.manifest import manifest_bytes, parse_manifest
from bundle.slot_state import Installed, SlotDeed, SlotState, parse_state, state_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECOND = 10**9


def gate_wire(rng: random.Random) -> bool:
    """Frames of the gate protocol: what is taken has exactly one spelling, and it stood there."""
    frames = rng.choice(traffic())
    data = mangle(b"".join(rng.choices(frames, k=rng.randint(1, 3))), rng, frames)
    taken = FrameReader().feed(data + b"\0")
    pieces = data.split(b"\0")
    untouched = set(frames)
    for frame in taken:
        spelling = encode_frame(frame.message, frame.seq, frame.boot)
        assert spelling[:-1] in pieces, "taken, and not what stood there"
    return any(encode_frame(f.message, f.seq, f.boot) not in untouched for f in taken)


def gate_board(rng: random.Random) -> bool:
    """The controller's program: no noise opens the gate for a part that nobody allowed."""
    host = Host(boot=rng.randrange(1, 2**32)).greet(replace(CONFIG, stops=True))
    host.wait(20 * MS)
    part = host.part()
    boot, by = host.firmware.boot, host.link.boot
    orders = [
        encode_frame(messages.Pass(boot, number, host.now_us + late), seq, by)
        for number, late in ((part + 1, CONFIG.delay_us), (part - 1, CONFIG.delay_us), (part, -1))
        for seq in (0, 7)
    ]  # fmt: skip
    frames = traffic()[0]
    for _ in range(20):
        host.firmware.receive(mangle(rng.choice(orders), rng, frames), host.now_us)
    until_us = host.now_us + CONFIG.delay_us + CONFIG.guard_us
    while host.now_us < until_us:
        host.now_us += 4 * MS
        host.firmware.advance(host.now_us)
        host.firmware.receive(mangle(rng.choice(frames), rng, orders), host.now_us)
        host.firmware.output(host.now_us)
        assert host.firmware.open_for is None, "noise has opened the gate"
        assert not host.firmware.may_run, "noise has let the belt run"
    return False


def gate_host(rng: random.Random) -> bool:
    """The agent's side of the protocol: no noise raises, whatever the conversation was before."""
    session = Session(Terms(CONFIG), 0x0505_0001, PartBook(), 0)
    up, now_ns = traffic()[1], 0
    for _ in range(12):
        now_ns += rng.choice((1_000_000, 50_000_000, 600_000_000))
        frame = rng.choice(up)
        session.receive(frame if rng.random() < 0.3 else mangle(frame, rng, up), now_ns)
        session.advance(now_ns)
        session.output(now_ns)
        session.take_events()
    return False


def relay_reply(rng: random.Random) -> bool:
    """Answers of a Modbus relay: one flipped bit never tells another state."""
    state = rng.random() < 0.5
    good = modbus_frame.seal(bytes((1, 1, 1, state)))
    data = mangle(good, rng)
    told = modbus_frame.state_of(data, 1)
    modbus_frame.refusal(data, modbus_frame.flash_on(1, 0, 100))
    flipped = sum((a ^ b).bit_count() for a, b in zip(data, good, strict=False))
    if len(data) == len(good) and 0 < flipped <= 2:
        assert told is None, "a damaged answer was believed"
    return told is not None and data != good


def configuration(rng: random.Random) -> bool:
    """The TOML file: refused in one line, or exactly what is written there."""
    text = mangle_toml(GOOD_CONFIG.splitlines(), rng, option_keys())
    try:
        config = parse_config(text)
    except ConfigError as error:
        return any(_refused(one) for one in (error, *error.others))
    _compare(_toml(text), config.model_dump())
    return text != GOOD_CONFIG


def manifest(rng: random.Random) -> bool:
    """What an archive says of its model: refused, or a manifest that reads the same again."""
    good = manifest_bytes(some_manifest(camera=rng.choice((None, CAMERA))))
    data = mangle(good, rng)
    try:
        parsed = parse_manifest(data)
    except BundleError as error:
        return _refused(error)
    assert parse_manifest(manifest_bytes(parsed)) == parsed
    return data != good


def container(rng: random.Random) -> bool:
    """The archive around it: refused, or byte for byte what its contents would be written as."""
    good = good_bundle()
    data = mangle(good, rng)
    try:
        contents = read_container(data, lambda name: ".." not in name)
    except BundleError as error:
        return _refused(error)
    assert write_container(contents) == data, "two spellings of one archive"
    return data != good


def ledger_marks(rng: random.Random) -> bool:
    """The ledger's small file: none at all, or numbers in their bounds."""
    folder = scratch_folder()
    (folder / SEQUENCE_NAME).unlink(missing_ok=True)  # ext4 syncs a file that is written over
    (folder / SEQUENCE_NAME).write_bytes(mangle(good_marks(), rng))
    marks = read_marks(folder)
    if marks is None:
        return False
    assert all(0 <= one < 2**62 for one in (marks.reserved, marks.committed, marks.published))
    return True


def slot_state(rng: random.Random) -> bool:
    """What is known of the slots: refused, or exactly what was written, whatever its spaces."""
    good = SlotState(
        active="a", floors={"key": 7},
        slots={"a": Installed(title="m-1", release=7, sha256="5f" * 32, size=9, signers=("key",),
                              status="good")},
        deeds=(SlotDeed(number=3, kind="confirmed", title="m-1", release=7, by="anna"),),
    )  # fmt: skip
    data = mangle(state_bytes(good), rng)
    try:
        parsed = parse_state(data)
    except StateError as error:
        return _refused(error)
    assert parsed == good, "an altered state was believed"
    return False


def audit_row(rng: random.Random) -> bool:
    """A row of the audit chain: no other bytes pass for it, and its hash finds every change."""
    row = AuditRow(7, "2026-01-01", True, "b", 5, "anna", "started", "the agent was started")
    line, head = encode_row(row, "0" * 64)
    data = mangle(line[:-1], rng)
    linked = parse_line(data)
    if linked is None or data == line[:-1]:
        return False
    assert not linked.follows("0" * 64) or linked.head != head, "an altered row was believed"
    return True


def audit_head(rng: random.Random) -> bool:
    """The chain's head file: none, or a number with a hash."""
    head = AuditHead(12, "5f" * 32)
    parsed = parse_head(mangle(encode_head(head), rng))
    if parsed is None:
        return False
    assert parsed.number >= 1
    assert len(parsed.hash) == 64
    return parsed != head


def line_request(rng: random.Random) -> bool:
    """A technician's request: refused and thrown away, or one that names who, what and why."""
    folder = scratch_folder()
    good = Request(
        id="0" * 16, action="pause", by="anna", why="belt change", minutes=5.0, account="anna",
        host_boot="b", at_ns=5,
    )  # fmt: skip
    path = folder / REQUEST_NAME
    path.write_bytes(mangle(good.model_dump_json().encode(), rng))
    request = None
    with suppress(LineError):
        request = take_request(folder)
    assert not path.exists(), "a request that was read lies there still"
    if request is None:
        return False
    assert request.action in {"pause", "bypass", "resume"}
    assert request.by
    assert request.why
    assert not request.fresh("another boot", 5)
    return request != good


def camera_picture(rng: random.Random) -> bool:
    """A JPEG from a camera: no picture, or pixels of some size; no crash of the decoder."""
    pixels = decode(mangle(good_jpeg(), rng), Layout("mjpeg", 64, 48), "gray")
    return pixels is not None


TARGETS: dict[str, Callable[[random.Random], bool]] = {
    one.__name__: one
    for one in (
        gate_wire, gate_board, gate_host, relay_reply, configuration, manifest, container,
        ledger_marks, slot_state, audit_row, audit_head, line_request, camera_picture,
    )
}  # fmt: skip


def fuzz(name: str, first: int, count: int, seed: int) -> int:
    """Run so many trials of a target; returns how many mutants were taken for good."""
    return sum(_trial(name, number, seed) for number in range(first, first + count))


def _trial(name: str, number: int, seed: int) -> bool:
    try:
        return TARGETS[name](random.Random(f"{seed} {name} {number}"))
    except Exception as error:
        text = f"target {name}, seed {seed}, trial {number}: {type(error).__name__}: {error}"
        raise AssertionError(text) from error


def _refused(error: Exception | str) -> bool:
    text = str(error)
    assert "\n" not in text, text
    assert len(text) < 4000, "nobody reads that"
    return False


def _toml(text: str) -> dict:
    return tomllib.loads(text)


def _compare(written: dict, taken: dict) -> None:
    """Fail unless everything that is written stands in what was taken, unchanged."""
    for key, value in written.items():
        assert key in taken, f"{key} was overlooked"
        if isinstance(value, dict) and isinstance(taken[key], dict):
            _compare(value, taken[key])
        else:
            assert taken[key] == value, f"{key} is {value!r} and was taken for {taken[key]!r}"
            assert type(taken[key]) is type(value) or not isinstance(value, bool), key
