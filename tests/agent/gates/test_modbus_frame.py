"""The frames of a Modbus relay board against known vectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.gates import modbus_frame


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0x4B37),
        (b"", 0xFFFF),
        (bytes.fromhex("010300000001"), 0x0A84),
        (bytes.fromhex("01050000ff00"), 0x3A8C),
    ],
)
def test_the_checksum_is_the_one_of_modbus(data, crc):
    """The catalogue's check value, and frames printed in manuals (low byte goes first)."""
    assert modbus_frame.checksum(data) == crc


def test_requests_are_those_of_the_board_s_manual():
    """Flash-on of 700 ms on relay 1, off, and the question for the state."""
    assert modbus_frame.flash_on(1, 0, 700) == bytes.fromhex("0105020000078DB0")
    assert modbus_frame.switch_off(1, 0) == bytes.fromhex("010500000000CDCA")
    assert modbus_frame.ask_state(1, 0) == bytes.fromhex("010100000001FDCA")


def test_a_pulse_is_rounded_up_to_the_board_s_steps():
    """101 ms are two steps, the last channel is 31."""
    assert modbus_frame.flash_on(247, 31, 101)[:6] == bytes.fromhex("F705021F0002")


def test_the_state_is_read_from_a_sound_answer_alone():
    """Off, on, and everything that is no answer to the question."""
    assert modbus_frame.state_of(modbus_frame.seal(b"\x01\x01\x01\x00"), 1) is False
    assert modbus_frame.state_of(modbus_frame.seal(b"\x01\x01\x01\x01"), 1) is True
    for wrong in (b"\x02\x01\x01\x01", b"\x01\x02\x01\x01", b"\x01\x01\x02\x01", b"\x01\x01\x01"):
        assert modbus_frame.state_of(modbus_frame.seal(wrong), 1) is None
    assert modbus_frame.state_of(modbus_frame.ask_state(1, 0)[:6], 1) is None


def test_a_refusal_is_told_in_words():
    """Exception 1 to a flash-on means that the firmware has none; other numbers are named."""
    request = modbus_frame.flash_on(1, 0, 100)
    known = modbus_frame.seal(b"\x01\x85\x01")
    assert "flash-on is missing" in modbus_frame.refusal(known, request)
    assert "exception 9" in modbus_frame.refusal(modbus_frame.seal(b"\x01\x85\x09"), request)
    assert modbus_frame.refusal(known[:4], request) == ""
    assert modbus_frame.refusal(known[:-1] + b"\x00", request) == ""
    assert modbus_frame.refusal(modbus_frame.seal(b"\x02\x85\x01"), request) == ""


@given(frame=st.binary(min_size=1, max_size=16), bit=st.integers(0, 127))
def test_one_flipped_bit_is_always_found(frame, bit):
    """No frame with one wrong bit is sound."""
    sealed = bytearray(modbus_frame.seal(frame))
    assert modbus_frame.is_sound(bytes(sealed))
    sealed[bit // 8 % len(sealed)] ^= 1 << bit % 8
    assert not modbus_frame.is_sound(bytes(sealed))
