"""The few Modbus-RTU frames that a relay board needs; pure.

By hand, since no library sends flash-on: pymodbus's `write_coil` takes only on and off, repeats
what was not answered, and with it the pulse.
"""

from __future__ import annotations

import struct

READ_COILS = 1
WRITE_COIL = 5
FRAME_BYTES = 8
STATE_BYTES = 6
REFUSAL_BYTES = 5
_FLASH_ON = 0x0200
_FLASH_STEP_MS = 100
_REFUSALS = {
    1: "it knows no such command: flash-on is missing from its firmware",
    2: "it has no such channel",
    3: "it takes no such pulse length",
    4: "it is broken",
    6: "it is busy",
}


def checksum(data: bytes) -> int:
    """Return the CRC-16/MODBUS of `data` (poly 8005 reflected, init FFFF)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc


def seal(body: bytes) -> bytes:
    """Return `body` with its checksum, low byte first."""
    return body + checksum(body).to_bytes(2, "little")


def is_sound(frame: bytes) -> bool:
    """Whether a frame has the checksum that belongs to it."""
    return len(frame) > 2 and seal(frame[:-2]) == frame


def flash_on(address: int, channel: int, length_ms: int) -> bytes:
    """Return the request for one pulse, in steps of 100 ms rounded up. Channels count from 0.

    (Waveshare's form of function 5: flash-on stands where the coil's high byte would.)
    """
    steps = -(-length_ms // _FLASH_STEP_MS)
    return seal(struct.pack(">BBHH", address, WRITE_COIL, _FLASH_ON | channel, steps))


def switch_off(address: int, channel: int) -> bytes:
    """Return the request to switch a channel off, which also ends its pulse."""
    return seal(struct.pack(">BBHH", address, WRITE_COIL, channel, 0))


def ask_state(address: int, channel: int) -> bytes:
    """Return the question whether a channel is on."""
    return seal(struct.pack(">BBHH", address, READ_COILS, channel, 1))


def state_of(reply: bytes, address: int) -> bool | None:
    """Return whether the channel is on; None when this is no answer to `ask_state`."""
    head = bytes((address, READ_COILS, 1))
    if len(reply) != STATE_BYTES or not reply.startswith(head) or not is_sound(reply):
        return None
    return bool(reply[3] & 1)


def refusal(reply: bytes, request: bytes) -> str:
    """Return why the board refuses; empty when the reply is no refusal of this request."""
    head = bytes((request[0], request[1] | 0x80))
    if len(reply) < REFUSAL_BYTES or not reply.startswith(head):
        return ""
    if not is_sound(reply[:REFUSAL_BYTES]):
        return ""
    return f"the board refuses: {_REFUSALS.get(reply[2], f'exception {reply[2]}')}"
