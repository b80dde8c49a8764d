"""Keys and the trust folder: made once, added, revoked, rotated."""

import json
import stat
from functools import partial

import pytest
import typer
from bundles import rewritten, write_scripted
from typer.testing import CliRunner

from bundle.signature import read_change
from deploy.commands.keygen import keygen
from deploy.commands.sign import sign
from deploy.commands.trust import trust
from deploy.commands.verify import verify
from deploy.errors import KeyFileError, TrustError
from deploy.keys import make_keys, read_passphrase, read_private, read_public
from deploy.signing import sign_bundle
from deploy.trust import add_key, read_trust, remove_key, revoke_key
from deploy.verify import keyring_of, verify_bundle


@pytest.fixture
def keys(tmp_path):
    """Return a maker of pairs of keys."""
    (tmp_path / "keys").mkdir()
    return partial(make_keys, folder=tmp_path / "keys")


@pytest.fixture
def device(tmp_path):
    """Return an empty trust folder."""
    (tmp_path / "trust").mkdir()
    return tmp_path / "trust"


def call(command, *arguments, code=0):
    """Run a sub-command in this process and return what it printed."""
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_a_secret_key_is_its_owners_alone(keys):
    """Nobody else may read it, and neither file is ever overwritten."""
    pair = keys("office-1")
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    before = pair.private.read_bytes(), pair.public.read_bytes()
    with pytest.raises(KeyFileError, match="there already"):
        keys("office-1")
    pair.public.unlink()
    with pytest.raises(KeyFileError, match=r"office-1\.key is there already"):
        keys("office-1")
    assert pair.private.read_bytes() == before[0]


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", ".x"])
def test_a_key_has_a_plain_name(keys, name):
    """Names become file names on every device."""
    with pytest.raises(KeyFileError, match="no name for a key"):
        keys(name)


def test_a_locked_key_opens_with_its_passphrase_only(keys, tmp_path):
    """The passphrase is the first line of a file, never an argument."""
    word = tmp_path / "word"
    word.write_text("correct horse\nrest\n")
    pair = keys("office-1", passphrase=read_passphrase(word))
    assert b"ENCRYPTED" in pair.private.read_bytes()
    public = read_private(pair.private, b"correct horse").public_key()
    assert public.public_bytes_raw() == read_public(pair.public).public_bytes_raw()
    with pytest.raises(KeyFileError, match="has a passphrase"):
        read_private(pair.private)
    word.write_text("\n")
    with pytest.raises(KeyFileError, match="no passphrase"):
        read_passphrase(word)


def test_files_that_are_missing_are_one_line_each(tmp_path, device):
    """The file is named."""
    none = tmp_path / "none"
    for read in (read_private, read_public, read_passphrase, partial(add_key, device)):
        with pytest.raises(KeyFileError, match="none: No such file"):
            read(none)
    with pytest.raises(TrustError, match="none: No such file"):
        read_trust(none)
    with pytest.raises(KeyFileError, match="cannot write"):
        make_keys("a", none)


def test_a_device_takes_what_its_keys_signed(keys, device, tmp_path):
    """Add, sign, verify: the walk of a first bundle."""
    pair = keys("office-1")
    bundle = write_scripted(tmp_path / "m.lwb")
    with pytest.raises(TrustError, match="not signed"):
        verify_bundle(bundle, read_trust(device))
    assert sign_bundle(bundle, bundle, read_private(pair.private)) == (pair.key_id,)
    with pytest.raises(TrustError, match="not trusted here"):
        verify_bundle(bundle, read_trust(device))
    assert add_key(device, pair.public) == pair.key_id
    found = verify_bundle(bundle, read_trust(device))
    assert (found.signers, found.release) == ((pair.key_id,), 1)
    assert verify_bundle(bundle, keyring_of([pair.public])) == found


def test_a_bundle_for_a_newer_linewarden_is_not_verified(keys, device, tmp_path):
    """The device would not take it, however well it is signed; nor is it signed here."""
    pair = keys("office-1")
    add_key(device, pair.public)
    bundle, plain = tmp_path / "m.lwb", write_scripted(tmp_path / "plain.lwb").read_bytes()
    key = read_private(pair.private)
    bundle.write_bytes(rewritten(plain, key, needs_agent="99.1"))
    with pytest.raises(TrustError, match=r"needs linewarden 99\.1 .*: update linewarden first"):
        verify_bundle(bundle, read_trust(device))
    with pytest.raises(TrustError, match=r"is not signed: .*update linewarden first"):
        sign_bundle(bundle, bundle, key)
    bundle.write_bytes(rewritten(plain, key, needs_agent="0.1"))
    assert verify_bundle(bundle, read_trust(device)).signers == (pair.key_id,)


def test_keys_are_rotated_without_a_gap(keys, device, tmp_path):
    """Both keys for a while, then the old one goes; a bundle with both goes through it all."""
    old, new = keys("office-1"), keys("office-2")
    bundle = write_scripted(tmp_path / "m.lwb")
    for pair in (old, new):
        sign_bundle(bundle, bundle, read_private(pair.private))
    add_key(device, old.public)
    with pytest.raises(TrustError, match="last trusted key"):
        remove_key(device, old.key_id)
    assert verify_bundle(bundle, read_trust(device)).signers == (old.key_id,)
    add_key(device, new.public)
    assert len(verify_bundle(bundle, read_trust(device)).signers) == 2
    remove_key(device, old.key_id)
    assert verify_bundle(bundle, read_trust(device)).signers == (new.key_id,)


def test_a_revoked_key_stays_revoked(keys, device, tmp_path):
    """Its bundles are refused, and the key cannot come back; the list keeps its reasons."""
    pair = keys("office-1")
    bundle = write_scripted(tmp_path / "m.lwb")
    sign_bundle(bundle, bundle, read_private(pair.private))
    add_key(device, pair.public)
    (device / "revoked").write_text("# the list")
    revoke_key(device, pair.key_id, "laptop\nstolen")
    revoke_key(device, pair.key_id)
    assert (device / "revoked").read_text() == f"# the list\n{pair.key_id}  # laptop stolen\n"
    with pytest.raises(TrustError, match=r"office-1.*was revoked"):
        verify_bundle(bundle, read_trust(device))
    (device / "office-1.pub").unlink()
    with pytest.raises(TrustError, match="was revoked"):
        add_key(device, pair.public)
    with pytest.raises(TrustError, match="no key id"):
        revoke_key(device, "office-1")


def test_adding_never_replaces_another_key(keys, device, tmp_path):
    """Same name, other key: said; same key again: said."""
    add_key(device, keys("office-1").public)
    (tmp_path / "other").mkdir()
    other = make_keys("office-1", tmp_path / "other")
    with pytest.raises(TrustError, match="another key"):
        add_key(device, other.public)
    with pytest.raises(TrustError, match="trusted already"):
        add_key(device, tmp_path / "keys" / "office-1.pub")
    with pytest.raises(KeyFileError, match="private key"):
        add_key(device, other.private)
    with pytest.raises(TrustError, match="no key"):
        remove_key(device, other.key_id)


def test_the_commands_walk_from_key_to_verified_bundle(tmp_path, device):
    """keygen, sign, trust and verify, as a person types them."""
    bundle = write_scripted(tmp_path / "m.lwb")
    made = json.loads(call(keygen, "office-1", "--out", tmp_path, "--json"))
    assert "keep it off every device" in call(keygen, "office-2", "--out", tmp_path)
    signed = tmp_path / "signed.lwb"
    assert made["key_id"] in call(sign, bundle, "--key", made["private"], "--out", signed)
    assert "no key is trusted" in call(trust, "--trust", device)
    with pytest.raises(TrustError, match="not trusted here"):
        call(verify, signed, "--trust", device)
    assert "trusted" in call(trust, "--trust", device, "--add", made["public"])
    assert "signed by office-1" in call(verify, signed, "--trust", device)
    assert "signed by office-1" in call(verify, signed, "--key", made["public"])
    answer = json.loads(call(verify, signed, "--trust", device, "--json"))
    assert answer["signers"] == [made["key_id"]]
    with pytest.raises(TrustError, match="not signed"):
        call(verify, bundle, "--trust", device)
    assert "NOT SIGNED" in call(verify, bundle, "--trust", device, "--allow-unsigned")
    assert "revoked" in call(trust, "--trust", device, "--revoke", made["key_id"])
    with pytest.raises(TrustError, match="revoked"):
        call(verify, signed, "--trust", device)


def test_every_change_of_the_folder_leaves_a_line_with_who_did_it(keys, device):
    """For the running agent, which puts it into its account."""
    first, second = keys("office-1"), keys("office-2")
    add_key(device, first.public, "anna")
    assert read_change(device) == f"office-1 ({first.key_id}) added; by anna"
    call(trust, "--trust", device, "--add", second.public, "--by", "Bert")
    assert read_change(device).startswith(f"office-2 ({second.key_id}) added; by Bert (")
    revoke_key(device, second.key_id, "laptop\nstolen", "anna")
    assert read_change(device) == f"{second.key_id} revoked (laptop stolen); by anna"
    add_key(device, keys("office-3").public)
    remove_key(device, first.key_id, "anna")
    assert read_change(device) == f"office-1 ({first.key_id}) removed; by anna"
    assert read_trust(device).faults == ()


def test_a_secret_key_open_to_others_is_warned_of(keys, tmp_path):
    """Copied from a stick, it often is."""
    pair = keys("office-1")
    pair.private.chmod(0o644)
    bundle = write_scripted(tmp_path / "m.lwb")
    assert "chmod 600" in call(sign, bundle, "--key", pair.private)


def test_a_damaged_bundle_is_not_signed_and_not_replaced(keys, tmp_path):
    """The file stays as it was."""
    bundle = tmp_path / "m.lwb"
    data = write_scripted(bundle).read_bytes()[:-5]
    bundle.write_bytes(data)
    with pytest.raises(TrustError, match="is not signed"):
        sign_bundle(bundle, bundle, read_private(keys("office-1").private))
    assert bundle.read_bytes() == data
