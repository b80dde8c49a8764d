"""Damage to bytes and to configurations: by chance, by cutting, and by knowing what to write."""

from __future__ import annotations

import random
from collections.abc import Sequence

WORDS = (
    b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80", b"{", b"}",
    b"[", b"]", b'"', b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"Infinity", b"9" * 400,
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"../", b"\\u0000", b"\n", b" " * 64, b"[" * 300,
)  # fmt: skip


def mangle(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """Return the bytes with one to four changes; `others` lend pieces of themselves."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        _once(out, rng, others)
    return bytes(out)


def _once(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(out) + 1)
    size = rng.choice((1, 1, 2, 4, 16, 64))
    way = rng.randrange(8)
    if way == 0 and out:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif way == 1:
        out[at : at + size] = rng.randbytes(size)
    elif way == 2:
        del out[at : at + size]
    elif way == 3:
        out[at:at] = rng.choice(WORDS)
    elif way == 4:
        out[at : at + size] = rng.choice(WORDS)
    elif way == 5:
        out[at:at] = out[at : at + size] * rng.choice((1, 1, 2, 50))
    elif way == 6:
        del out[at:]
    elif others:
        other = rng.choice(others)
        start = rng.randrange(len(other) + 1)
        out[at : at + size] = other[start : start + size]


VALUES = (
    "0", "-1", "1", "2", "0.5", "-0.0", "nan", "inf", "-inf", "1e308", "1e-308",
    "9223372036854775807", "18446744073709551616", "true", "false", "''", "'x'", "'300ms'",
    "'0'", "[]", "[1]", "{}",
    "{a = 1}", "1979-05-27", "1979-05-27T07:32:00Z", "'/'", "'../../etc/passwd'", "'\\u0000'",
    "'a/b'", "'#'", "'" + "x" * 2000 + "'", "0x7fffffff", "1_000", "65536", "400.0", "64",
)  # fmt: skip
UNITS = ("_s", "_us", "_m", "", "_ms", "_hz", "s")


def mangle_toml(lines: Sequence[str], rng: random.Random, keys: Sequence[str]) -> str:
    """Return a configuration with one to three lines changed as people and accidents change them.

    `keys` are the names of all options as `section.key`.
    """
    out = list(lines)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(out, rng, keys)
    return "\n".join(out) + "\n"


def _change(out: list[str], rng: random.Random, keys: Sequence[str]) -> None:
    way = rng.randrange(9)
    settings = [at for at, line in enumerate(out) if "=" in line]
    at = rng.choice(settings) if settings else 0
    name, _, value = (out[at] if out else "x = 1").partition(" = ")
    section, _, key = rng.choice(keys).partition(".")
    if way == 0:
        out[at : at + 1] = [f"{name} = {rng.choice(VALUES)}"]
    elif way in (1, 2):
        out += [f"[{section}]", f"{key or 'x'} = {rng.choice(VALUES)}"]
    elif way == 3:
        out[at : at + 1] = [f"{name.rstrip('_ms')}{rng.choice(UNITS)} = {value}"]
    elif way == 4:
        out[at : at + 1] = [f"{_misspelt(name, rng)} = {value}"]
    elif way == 5:
        del out[at : at + 1]
    elif way == 6:
        out.insert(at, out[at] if out else "")
    elif way == 7:
        other = rng.choice(settings) if settings else 0
        out[at : at + 1] = [f"{name} = {out[other].partition(' = ')[2]}"] if out else []
    else:
        text = "\n".join(out).encode()
        out[:] = mangle(text, rng).decode("utf-8", "replace").split("\n")


def _misspelt(name: str, rng: random.Random) -> str:
    at = rng.randrange(len(name)) if name else 0
    return rng.choice((name[:at] + name[at + 1 :], name[:at] + "x" + name[at:], name.upper(), "x"))
