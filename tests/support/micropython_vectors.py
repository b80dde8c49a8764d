"""Runs under MicroPython: encodes, decodes and reads frames, one a line, all in one process.

`E type seq boot payload` gives a frame, `D frame` its fields, `R bytes` what a reader makes of a
stream in pieces; bytes in hexadecimal.
"""

import sys

sys.path.insert(0, sys.argv[1])

from binascii import hexlify, unhexlify

from messages import WireError
from wire import FrameReader, decode_frame, encode_frame

MASK = 0xFFFF


def show(frame):
    kind, seq, boot_low, crc, content = frame
    return f"{kind} {seq} {boot_low} {crc} {hexlify(content).decode()}"


def encode(kind, seq, boot, payload=""):
    frame, crc = encode_frame(int(kind), unhexlify(payload), int(seq), int(boot) & MASK)
    return f"{hexlify(frame).decode()} {crc}"


def decode(data=""):
    try:
        return show(decode_frame(unhexlify(data)))
    except WireError:
        return "refused"


def read(size, data=""):
    reader, frames, data = FrameReader(), [], unhexlify(data)
    for at in range(0, len(data), int(size)):
        frames += reader.feed(data[at : at + int(size)])
    return ";".join([str(reader.refused)] + [show(frame) for frame in frames])


for line in sys.stdin:
    letter, *fields = line.split()
    print({"E": encode, "D": decode, "R": read}[letter](*fields))
