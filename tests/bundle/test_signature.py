"""Signatures: only the exact bytes, only by a key that is trusted now."""

import shutil
import subprocess

import pytest
from bundles import write_scripted
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archive import open_archive, parse_archive, sign_archive
from bundle.container import read_container, write_container
from bundle.errors import BundleError, ManifestError, SignatureError
from bundle.signature import (
    Keyring,
    TrustedKey,
    key_id,
    load_private_key,
    parse_signatures,
    read_change,
    read_keyring,
    sign_manifest,
    verify_manifest,
)

TEXT = b'{"a": 1}\n'


def pem(public):
    """Return a public key as PEM."""
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def ring(*privates, revoked=()):
    """Return a keyring of some keys, a few of them revoked."""
    keys = {key_id(p.public_key()): TrustedKey("office", p.public_key()) for p in privates}
    return Keyring(keys, frozenset(key_id(p.public_key()) for p in revoked))


@pytest.fixture
def key():
    """Return a new private key."""
    return Ed25519PrivateKey.generate()


@pytest.fixture
def other():
    """Return another new private key."""
    return Ed25519PrivateKey.generate()


def test_signatures_are_those_of_rfc_8032():
    """The first vector of the standard comes out, under the key's own id."""
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    signed = (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    found = parse_signatures(sign_manifest(b"", private, None))
    assert found == {key_id(private.public_key()): bytes.fromhex(signed)}


def test_openssl_agrees(tmp_path, key):
    """A bundle can be verified without a line of ours."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    (signature,) = parse_signatures(sign_manifest(TEXT, key, None)).values()
    for name, content in (("s", signature), ("k", pem(key.public_key()))):
        (tmp_path / name).write_bytes(content)
    files = ["-inkey", "k", "-sigfile", "s", "-in", "m"]
    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", *files]
    for text, agrees in ((TEXT, True), (TEXT + b" ", False)):
        (tmp_path / "m").write_bytes(text)
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) is agrees, done.stderr


def test_a_trusted_signature_names_its_signer(key, other):
    """Those who signed and are trusted are returned; unknown ones don't count."""
    both = sign_manifest(TEXT, other, sign_manifest(TEXT, key, None))
    assert verify_manifest(TEXT, both, ring(key)) == (key_id(key.public_key()),)
    assert len(verify_manifest(TEXT, both, ring(key, other))) == 2


def test_signing_twice_with_one_key_changes_nothing(key):
    """Ed25519 is deterministic, and a key stands once in the list."""
    once = sign_manifest(TEXT, key, None)
    assert sign_manifest(TEXT, key, once) == once


def test_other_bytes_are_refused(key):
    """One changed byte of the manifest is enough."""
    with pytest.raises(SignatureError, match="damaged or forged"):
        verify_manifest(TEXT + b" ", sign_manifest(TEXT, key, None), ring(key))


def test_unsigned_is_refused_unless_allowed(key):
    """Allowing unsigned bundles lets no badly signed one through."""
    with pytest.raises(SignatureError, match="not signed"):
        verify_manifest(TEXT, None, ring(key))
    assert verify_manifest(TEXT, None, ring(key), allow_unsigned=True) == ()
    for signature in (sign_manifest(b"x", key, None), b""):
        with pytest.raises(SignatureError):
            verify_manifest(TEXT, signature, ring(key), allow_unsigned=True)


def test_unknown_and_revoked_keys_are_told_apart(key, other):
    """The technician learns whether to add a key or to ask for another signature."""
    signed = sign_manifest(TEXT, key, None)
    with pytest.raises(SignatureError, match="not trusted here"):
        verify_manifest(TEXT, signed, ring(other))
    with pytest.raises(SignatureError, match=r"office.*was revoked"):
        verify_manifest(TEXT, signed, ring(key, other, revoked=[key]))


def test_a_rotated_bundle_outlives_its_revoked_key(key, other):
    """A second signature by the new key carries the bundle on."""
    both = sign_manifest(TEXT, other, sign_manifest(TEXT, key, None))
    trust = ring(key, other, revoked=[key])
    assert verify_manifest(TEXT, both, trust) == (key_id(other.public_key()),)


def test_one_wrong_signature_by_a_trusted_key_refuses_all(key, other):
    """A good second signature does not cover up a forged first one."""
    forged = sign_manifest(TEXT, other, sign_manifest(b"another", key, None))
    with pytest.raises(SignatureError, match="damaged or forged"):
        verify_manifest(TEXT, forged, ring(key, other))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: b"",
        lambda s: s[:-1],
        lambda s: s + b"\n",
        lambda s: s + s,
        lambda s: s.upper(),
        lambda s: s.replace(b"\n", b"\r\n"),
        lambda s: s.replace(b" ", b"\t"),
        lambda s: s[1:],
        lambda s: bytes(64),
    ],
)
def test_a_signature_has_one_form_only(change):
    """Whatever else could mean the same is refused."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    with pytest.raises(SignatureError):
        parse_signatures(change(sign_manifest(TEXT, key, None)))


def test_a_list_of_signatures_is_sorted_and_short(key, other):
    """Two orders of the same signatures would be two files for one bundle; nine are too many."""
    lines = sign_manifest(TEXT, other, sign_manifest(TEXT, key, None)).splitlines(keepends=True)
    with pytest.raises(SignatureError, match="order"):
        parse_signatures(b"".join(reversed(lines)))
    nine = b"".join(b"%016x %0128x\n" % (i, i) for i in range(9))
    with pytest.raises(SignatureError, match="1 to 8"):
        parse_signatures(nine)
    with pytest.raises(SignatureError, match="at most 8"):
        sign_manifest(TEXT, key, nine[: 8 * 146])


def test_nothing_untrusted_is_parsed(tmp_path, key):
    """A hostile manifest is refused by its signature before its JSON is looked at."""
    contents = read_container(write_scripted(tmp_path / "m.lwb").read_bytes(), lambda _: True)
    hostile = write_container(contents | {"manifest.json": b"[" * 100})
    with pytest.raises(SignatureError, match="not signed"):
        parse_archive(hostile, ring(key))
    with pytest.raises(ManifestError):
        parse_archive(hostile)


def test_a_signed_bundle_opens_with_its_signers(tmp_path, key, other):
    """Signing changes nothing but the signature, and errors name the file."""
    path = write_scripted(tmp_path / "m.lwb")
    unsigned = open_archive(path)
    path.write_bytes(sign_archive(sign_archive(path.read_bytes(), key), other))
    archive = open_archive(path, ring(key))
    assert archive.signers == (key_id(key.public_key()),)
    assert (archive.manifest, archive.contents) == (unsigned.manifest, unsigned.contents)
    with pytest.raises(SignatureError, match=r"m\.lwb.*not trusted"):
        open_archive(path, ring())


def test_a_damaged_bundle_is_not_signed(tmp_path, key):
    """Nobody vouches for what is not whole."""
    data = bytearray(write_scripted(tmp_path / "m.lwb").read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(BundleError):
        sign_archive(bytes(data), key)


def test_the_trust_folder_is_keys_and_a_list(tmp_path, key, other):
    """Keys go by the names of their files; comments and blank lines are allowed in the list."""
    (tmp_path / "old.pub").write_bytes(pem(key.public_key()))
    (tmp_path / "new.pem").write_bytes(pem(other.public_key()))
    (tmp_path / "README").write_text("no key")
    (tmp_path / "revoked").write_text(f"# lost\n\n{key_id(key.public_key())}  # stolen\n")
    trust = read_keyring(tmp_path)
    assert {one.name for one in trust.keys.values()} == {"old", "new"}
    assert trust.trusted == {key_id(other.public_key())}
    assert trust.faults == ()


def test_files_that_are_no_keys_are_told_and_not_trusted(tmp_path, key):
    """One bad file does not take the good keys with it; a secret key is pointed out."""
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "good.pub").write_bytes(pem(key.public_key()))
    (tmp_path / "secret.pem").write_bytes(secret)
    (tmp_path / "text.pub").write_text("hello")
    (tmp_path / "curve.pub").write_bytes(pem(generate_private_key(SECP256R1()).public_key()))
    (tmp_path / "big.pub").write_bytes(bytes(70_000))
    (tmp_path / "folder.pub").mkdir()
    trust = read_keyring(tmp_path)
    assert [one.name for one in trust.keys.values()] == ["good"]
    assert len(trust.faults) == 5
    assert any("private key" in fault for fault in trust.faults)


@pytest.mark.parametrize("text", ["xyz", "0123456789ABCDEF", "0123456789abcde", "\x00" * 16])
def test_a_damaged_list_of_revoked_keys_refuses_everything(tmp_path, text):
    """A line that cannot be read might have been any key."""
    (tmp_path / "revoked").write_text(f"{'0' * 16}\n{text}\n")
    with pytest.raises(SignatureError, match="line 2"):
        read_keyring(tmp_path)


def test_a_missing_trust_folder_is_one_line(tmp_path):
    """The folder is named."""
    with pytest.raises(SignatureError, match=r"nowhere: No such file"):
        read_keyring(tmp_path / "nowhere")


def test_the_last_change_of_the_trust_folder_is_one_printable_line(tmp_path):
    """It is shown to technicians; where it is missing or no small text, nobody knows."""
    assert read_change(tmp_path) == ""
    note = tmp_path / "last-change"
    note.write_bytes(b"anna trusted\x1b[31m office\n at 2026-03-04T05:06:07Z\n")
    assert read_change(tmp_path) == "anna trusted[31m office at 2026-03-04T05:06:07Z"
    note.write_bytes(b"x" * 70_000)
    assert read_change(tmp_path) == ""


def test_a_private_key_says_what_is_wrong_with_it(key):
    """Passphrase missing, not needed or wrong, another kind, no key at all."""

    def secret(private, locked):
        form = serialization.PrivateFormat.PKCS8
        return private.private_bytes(serialization.Encoding.PEM, form, locked)

    plain = secret(key, serialization.NoEncryption())
    locked = secret(key, serialization.BestAvailableEncryption(b"word"))
    curve = secret(generate_private_key(SECP256R1()), serialization.NoEncryption())
    assert load_private_key(locked, b"word").private_bytes_raw() == key.private_bytes_raw()
    for text, word, said in (
        (locked, None, "has a passphrase: give it"),
        (plain, b"word", "has no passphrase: leave it out"),
        (locked, b"wrong", "passphrase is wrong"),
        (b"hello", None, "is no private key"),
        (curve, None, "another kind"),
    ):
        with pytest.raises(SignatureError, match=said):
            load_private_key(text, word)
