"""Bundles: written durably, opened defensively."""

import hashlib
import io
import json
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.archive import open_archive, parse_archive, sign_archive, write_archive
from bundle.container import read_container, write_container
from bundle.errors import ArchiveError, BundleError, ManifestError
from bundle.manifest import DataFacts, Entry, InputSpec, Manifest, Thresholds, manifest_bytes
from bundle.signature import key_id, parse_signatures

MODEL = b"TFL3" + bytes(range(256)) * 3


def manifest():
    """Return a valid manifest without entries."""
    return Manifest(
        name="casting",
        version="1.0.0",
        release=1,
        architecture="mobilenet_v2",
        recipe="int8",
        input=InputSpec(height=32, width=32, frame_height=300, frame_width=300),
        labels=("def", "ok"),
        defective=("def",),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.3, chosen="x"),
        golden_tolerance=0.1,
        entries={},
        data=DataFacts(fingerprint="0" * 64, pictures=1),
        tools={},
        metrics={},
    )


def good_bytes(**changes):
    """Return the bytes of a valid bundle; `changes` replace contents after hashing."""
    contents = {"card.json": b"{}", "model.tflite": MODEL}
    entries = {
        name: Entry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    text = manifest_bytes(manifest().model_copy(update={"entries": entries}))
    return write_container({"manifest.json": text, **contents, **changes})


def zipped(entries, compression=zipfile.ZIP_STORED, **options):
    """Return a ZIP written by Python's own library."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression, **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_bundle_comes_back_as_it_was_written(tmp_path):
    """What was packed is what is opened, with size and hash of every entry."""
    path = tmp_path / "x.lwb"
    written = write_archive(path, manifest(), {"model.tflite": MODEL, "card.json": b"{}"})
    archive = open_archive(path)
    assert archive.manifest == written
    assert archive.model == MODEL
    assert archive.signature is None
    assert archive.size == path.stat().st_size
    assert list(tmp_path.iterdir()) == [path]


def test_equal_contents_give_equal_bytes(tmp_path):
    """Packing twice gives the same file, so a bundle can be compared by its hash."""
    for name in ("a.lwb", "b.lwb"):
        write_archive(tmp_path / name, manifest(), {"model.tflite": MODEL})
    assert (tmp_path / "a.lwb").read_bytes() == (tmp_path / "b.lwb").read_bytes()


def test_any_zip_tool_can_look_into_a_bundle():
    """The archive is a plain ZIP for everybody else."""
    with zipfile.ZipFile(io.BytesIO(good_bytes())) as archive:
        assert archive.testzip() is None
        assert archive.read("model.tflite") == MODEL


def test_a_signature_has_its_place():
    """manifest.sig is read as the second entry, in its own strict form and no other."""
    key = Ed25519PrivateKey.generate()
    signed = parse_archive(sign_archive(good_bytes(), key))
    assert list(parse_signatures(signed.signature)) == [key_id(key.public_key())]
    assert signed.signers == ()  # nobody was named to trust
    with pytest.raises(BundleError, match=r"manifest\.sig"):
        parse_archive(good_bytes(**{"manifest.sig": b"s" * 64}))
    with pytest.raises(ArchiveError, match="out of order"):
        parse_archive(good_bytes(**{"manifest.sig": signed.signature}))


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 500, -1, -22, -23])
def test_a_truncated_bundle_is_refused(cut):
    """A copy that broke off says so."""
    with pytest.raises(BundleError):
        parse_archive(good_bytes()[:cut])


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"!<arch>\ndebian-binary", "Debian package: `sudo apt install"),
        (b"\x1c\0\0\0TFL3", "bare model: `linewarden export`"),
        (b"\x01HEF\0\0", "compiled for a Hailo processor"),
        (b"\x7fELF\x02", "a program"),
        (b"<!DOCTYPE html>", "web page: look at the address"),
    ],
)
@pytest.mark.parametrize("size", [0, 5000])
def test_the_wrong_file_is_named_by_what_it_is(start, kind, size):
    """Copying it again would not help."""
    with pytest.raises(ArchiveError, match=f"^the file is no bundle, it is .*{kind}"):
        parse_archive(start + bytes(size))


def test_a_changed_entry_is_refused_by_its_hash():
    """An entry that the manifest does not vouch for is refused, valid ZIP or not."""
    with pytest.raises(ArchiveError, match="SHA-256"):
        parse_archive(good_bytes(**{"model.tflite": MODEL[::-1]}))


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "golden/../x", "a\\b", "model.tflite ", "MODEL.TFLITE", ""]
)
def test_strange_names_are_refused(name):
    """Paths outside, absolute names and case twins do not belong into a bundle."""
    with pytest.raises(ArchiveError, match="does not belong"):
        parse_archive(write_container({"manifest.json": b"{}", name: b"x"}))


def test_missing_and_unlisted_entries_are_refused():
    """Manifest and contents must name the same entries."""
    with pytest.raises(ArchiveError, match=r"card\.html"):
        parse_archive(good_bytes(**{"card.html": b"x"}))
    text = manifest_bytes(
        manifest().model_copy(update={"entries": {"card.json": Entry(size=2, sha256="0" * 64)}})
    )
    with pytest.raises(ArchiveError, match="not whole"):
        parse_archive(write_container({"manifest.json": text, "model.tflite": MODEL}))


def test_another_size_than_the_manifests_is_refused():
    """The right hash does not make up for it: what says two things is not whole."""
    contents = {"model.tflite": MODEL}
    entry = Entry(size=len(MODEL) + 1, sha256=hashlib.sha256(MODEL).hexdigest())
    text = manifest_bytes(manifest().model_copy(update={"entries": {"model.tflite": entry}}))
    with pytest.raises(ArchiveError, match=r"model\.tflite has another size"):
        parse_archive(write_container({"manifest.json": text, **contents}))


def test_compression_bombs_are_refused_unread():
    """A deflated entry is refused by its method, whatever it would grow to."""
    bomb = zipped([("manifest.json", b"0" * 50_000_000)], zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match=r"stored|not allowed"):
        parse_archive(bomb)


def test_tricks_of_the_zip_format_are_refused():
    """Comments, prefixes, gaps, doubled names, overlap and ZIP64 are refused."""
    good = good_bytes()
    commented = bytearray(good) + b"hi"
    commented[-4:-2] = (2).to_bytes(2, "little")
    doubled = write_container({"manifest.json": b"{}"})
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([("manifest.json", b"{}"), ("manifest.json", b"[]")])
    overlapping = bytearray(good)
    second = good.rfind(b"PK\x01\x02")
    overlapping[second + 42 : second + 46] = b"\0\0\0\0"
    for bad in (bytes(commented), b"#!" + good, good + b"x", twice, bytes(overlapping), doubled):
        with pytest.raises(BundleError):
            parse_archive(bad)


def test_a_huge_file_is_refused_by_its_size(tmp_path):
    """A file beyond 64 MiB is not even read."""
    path = tmp_path / "huge.lwb"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(ArchiveError, match="at most"):
        open_archive(path)


def test_too_many_entries_are_refused():
    """A directory with more than 64 entries is refused."""
    with pytest.raises(ArchiveError, match="entries"):
        read_container(write_container({f"e{i}": b"" for i in range(65)}), lambda _: True)


def test_another_schema_is_said_to_be_one():
    """A bundle of a later schema asks for an update instead of a guess."""
    data = json.loads(manifest_bytes(manifest())) | {"schema_version": 9}
    bundle = write_container({"manifest.json": json.dumps(data).encode(), "model.tflite": MODEL})
    with pytest.raises(ManifestError, match="schema version 9"):
        parse_archive(bundle)


def test_a_missing_file_and_a_folder_are_one_line_each(tmp_path):
    """Paths that hold no bundle say why."""
    for path in (tmp_path / "none.lwb", tmp_path):
        with pytest.raises(ArchiveError, match="cannot read"):
            open_archive(path)


@settings(max_examples=300)
@given(st.data())
def test_no_mutation_is_accepted(data):
    """A bundle with changed bytes is refused, and by our own errors only."""
    good = good_bytes()
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bad) - 1))
        bad[place] ^= data.draw(st.integers(1, 255))
    if bytes(bad) == good:
        return
    with pytest.raises(BundleError):
        parse_archive(bytes(bad))


@given(st.binary(max_size=400))
def test_random_bytes_are_no_bundle(data):
    """Garbage raises ArchiveError and nothing else."""
    with pytest.raises(BundleError):
        parse_archive(data)


def test_a_failed_write_leaves_the_old_bundle(tmp_path):
    """Nothing is replaced when the contents are not a whole bundle."""
    path = tmp_path / "x.lwb"
    write_archive(path, manifest(), {"model.tflite": MODEL})
    before = path.read_bytes()
    for contents in ({"card.json": b"{}"}, {"model.tflite": MODEL, "other": b""}):
        with pytest.raises(ArchiveError):
            write_archive(path, manifest(), contents)
    with pytest.raises(ArchiveError, match="cannot write"):
        write_archive(tmp_path / "no" / "x.lwb", manifest(), {"model.tflite": MODEL})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
