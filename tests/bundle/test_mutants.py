"""Signed bundles, changed in every way we can think of: none is accepted.

LINEWARDEN_MUTANTS=10000 makes more of them.
"""

import io
import os
import random
import re
import zipfile
from collections import Counter

import pytest
from bundles import rewritten, some_manifest, write_scripted
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archive import parse_archive, sign_archive
from bundle.container import read_container, write_container
from bundle.errors import BundleError
from bundle.manifest import manifest_bytes, parse_manifest
from bundle.signature import Keyring, TrustedKey, key_id, sign_manifest

MUTANTS = int(os.environ.get("LINEWARDEN_MUTANTS", "600"))
OFFICE, STOLEN, ATTACKER = (
    Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3)
)
# A refusal is one line that says what is wrong, and then what to do.
ADVICE = "again|anew|update|ask for|put|export|look at|copied|--add"
NEXT = re.compile(rf"[^\n]+[:;] [^\n]*({ADVICE})[^\n]*")
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the Ed25519 group


def trusted():
    """Return the device's keyring: the office's key, and a stolen one that was revoked."""
    keys = {key_id(k.public_key()): TrustedKey("k", k.public_key()) for k in (OFFICE, STOLEN)}
    return Keyring(keys, frozenset({key_id(STOLEN.public_key())}))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Return the bytes of two bundles signed by the office: release 7 and release 3."""
    folder = tmp_path_factory.mktemp("bundles")
    made = [
        write_scripted(folder / f"{n}.lwb", release=n, version=f"1.0.{n}").read_bytes()
        for n in (7, 3)
    ]
    return [sign_archive(data, OFFICE) for data in made]


class Mutator:
    """Changes one good bundle; each method is one kind of attack and takes a random source."""

    def __init__(self, good, older):
        self.good = good
        self.contents = read_container(good, lambda _: True)
        self.older = read_container(older, lambda _: True)
        self.manifest = self.contents["manifest.json"]

    def packed(self, **changes):
        """Return the bundle with entries replaced; `_` stands for `.` in their names."""
        named = {name.replace("_", ".", 1): content for name, content in changes.items()}
        return write_container(self.contents | named)

    def flip_bits(self, chance):
        bad = bytearray(self.good)
        for _ in range(chance.randint(1, 8)):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        return bytes(bad)

    def overwrite_run(self, chance):
        size = chance.randint(1, 200)
        at = chance.randrange(len(self.good) - size)
        return self.good[:at] + chance.randbytes(size) + self.good[at + size :]

    def truncate(self, chance):
        return self.good[: chance.randrange(len(self.good))]

    def cut_out(self, chance):
        a, b = sorted(chance.sample(range(len(self.good) + 1), 2))
        return self.good[:a] + self.good[b:]

    def insert(self, chance):
        at = chance.randint(0, len(self.good))
        return self.good[:at] + chance.randbytes(chance.randint(1, 100)) + self.good[at:]

    def swap_contents(self, chance):
        a, b = chance.sample(sorted(self.contents), 2)
        return write_container(self.contents | {a: self.contents[b], b: self.contents[a]})

    def shuffle_entries(self, chance):
        names = list(self.contents)
        while names == list(self.contents):
            chance.shuffle(names)
        return write_container({name: self.contents[name] for name in names})

    def drop_entry(self, chance):
        name = chance.choice(sorted(self.contents))
        return write_container({n: c for n, c in self.contents.items() if n != name})

    def add_entry(self, chance):
        name = chance.choice(["card.json", "card.html", "golden/frame-09.png", "../x", "a", ""])
        return write_container(self.contents | {name: b"x"})

    def change_entry(self, chance):
        name = chance.choice(sorted(set(self.contents) - {"manifest.json", "manifest.sig"}))
        return write_container(self.contents | {name: chance.randbytes(chance.randint(0, 99))})

    def foreign_entry(self, chance):
        name = chance.choice(["manifest.json", "manifest.sig"])
        return write_container(self.contents | {name: self.older[name]})

    def replay_whole(self, chance):
        # Another bundle's manifest with its good signature, around the entries of this one.
        both = {name: self.older[name] for name in ("manifest.json", "manifest.sig")}
        changed = chance.choice([b"evil", self.contents["model.tflite"] + b"\0"])
        return write_container(self.contents | both | {"model.tflite": changed})

    def forge_manifest(self, chance):
        release = chance.randint(8, 10**6)
        changed = parse_manifest(self.manifest).model_copy(update={"release": release})
        return self.packed(manifest_json=manifest_bytes(changed))

    def reformat_manifest(self, chance):
        space = chance.choice([b" ", b"\n", b"\r\n", b"\t"])
        return self.packed(manifest_json=self.manifest + space)

    def forge_signature(self, chance):
        # The attacker's signature, or noise, under the office's name.
        forged = chance.choice([ATTACKER.sign(self.manifest), chance.randbytes(64), bytes(64)])
        return self.packed(manifest_sig=line(OFFICE, forged))

    def sign_otherwise(self, chance):
        key = chance.choice([ATTACKER, STOLEN])
        return self.packed(manifest_sig=sign_manifest(self.manifest, key, None))

    def bend_signature(self, chance):
        # The same point with S + L, which sloppy verifiers take for good.
        good = OFFICE.sign(self.manifest)
        number = int.from_bytes(good[32:], "little") + ORDER * chance.choice([1, 2, 3])
        return self.packed(manifest_sig=line(OFFICE, good[:32] + number.to_bytes(32, "little")))

    def rewrite_signature(self, chance):
        good = self.contents["manifest.sig"]
        ways = [good.upper(), good + good, good[:-1], good + b"\n", b" " + good, b"", good[:64]]
        return self.packed(manifest_sig=chance.choice(ways))

    def take_signature_off(self, _chance):
        return write_container({n: c for n, c in self.contents.items() if n != "manifest.sig"})

    def need_newer_agent(self, chance):
        # Signed by the office itself: only what it needs speaks against it.
        needed = f"{chance.randint(100, 99999)}.{chance.randint(0, 99)}"
        more = chance.choice([{}, {"schema_version": 2}, {"belt": 1}, {"release": 9}])
        return rewritten(self.good, OFFICE, needs_agent=needed, **more)

    def need_no_version(self, chance):
        needed = chance.choice(["", "9", "v9.0", "0.1.0.0", "0.1\n", "0.1 ", 0, 0.1, True, [], {}])
        return rewritten(self.good, OFFICE, needs_agent=needed)

    def zip_again(self, chance):
        stream = io.BytesIO()
        method = chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name, content in self.contents.items():
                info = zipfile.ZipInfo(name, (1980 + chance.randint(1, 99), 1, 1, 0, 0, 0))
                info.compress_type = method
                archive.writestr(info, content)
            archive.comment = chance.choice([b"", b"hi"])
        return stream.getvalue()

    def put_before_or_behind(self, chance):
        return chance.choice([b"#!/bin/sh\n" + self.good, self.good + b"\0", self.good * 2])


KINDS = sorted(name for name in vars(Mutator) if not name.startswith("_") and name != "packed")


def line(key, signature):
    """Return a line of manifest.sig with any signature under a key's name."""
    return f"{key_id(key.public_key())} {signature.hex()}\n".encode()


def test_the_unchanged_bundle_is_accepted(bundles):
    """Else the test below could not fail."""
    assert parse_archive(bundles[0], trusted()).signers == (key_id(OFFICE.public_key()),)


def test_no_mutant_is_accepted(bundles):
    """Every kind of mutant, many of each: refused by a BundleError that says what next."""
    mutator, trust, accepted, made = Mutator(*bundles), trusted(), [], Counter()
    refusals = set()
    for number in range(MUTANTS):
        kind = KINDS[number % len(KINDS)]
        mutant = getattr(mutator, kind)(random.Random(number))
        if mutant in bundles:
            continue
        made[kind] += 1
        try:
            parse_archive(mutant, trust)
        except BundleError as error:
            refusals.add(str(error))
            continue
        accepted.append((kind, number))
    assert accepted == []
    assert [said for said in refusals if not NEXT.fullmatch(said)] == []
    assert set(made) == set(KINDS)
    assert made.total() > 0.99 * MUTANTS


def test_allowing_unsigned_accepts_only_whole_unsigned_ones(bundles):
    """With --allow-unsigned the signature may be missing; it may not be wrong."""
    mutator, trust = Mutator(*bundles), trusted()
    for number in range(MUTANTS // 4):
        kind = KINDS[number % len(KINDS)]
        mutant = getattr(mutator, kind)(random.Random(number))
        if mutant in bundles:
            continue
        try:
            archive = parse_archive(mutant, trust, allow_unsigned=True)
        except BundleError:
            continue
        assert archive.signature is None
        assert archive.manifest.entries == parse_manifest(mutator.manifest).entries


def test_a_strangers_signature_beside_a_good_one_changes_nothing(bundles):
    """A device cannot check a key it does not know: such lines may come and go, no more."""
    contents = read_container(bundles[0], lambda _: True)
    added = sign_manifest(b"whatever", ATTACKER, contents["manifest.sig"])
    mutant = write_container(contents | {"manifest.sig": added})
    archive, good = (parse_archive(data, trusted()) for data in (mutant, bundles[0]))
    assert (archive.manifest, archive.contents) == (good.manifest, good.contents)
    assert archive.signers == good.signers


def test_a_manifest_without_entries_vouches_for_nothing():
    """A signed manifest which lists no model is refused all the same."""
    text = manifest_bytes(some_manifest())
    signature = sign_manifest(text, OFFICE, None)
    entries = {"manifest.json": text, "manifest.sig": signature, "model.tflite": b"x"}
    with pytest.raises(BundleError, match="not whole"):
        parse_archive(write_container(entries), trusted())
