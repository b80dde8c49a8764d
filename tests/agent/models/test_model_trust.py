"""Which signatures the agent takes: trust folders, strangers and unsigned bundles."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_rig import ModelRig

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)


def test_a_signature_that_is_not_trusted_any_more_is_refused(rig):
    """Between the switch and the agent's look somebody revoked the key."""
    rig.flash(2)
    (rig.trust / "office.pub").unlink()
    rig.step(times=3)
    assert rig.models.title == "scripted-1.0.1"
    assert "not trusted here" in rig.events("model_refused")[0]


def test_without_its_trust_folder_the_agent_is_up_and_rejects(rig):
    """Nothing is struck off the slots, and once it is mended the model judges."""
    before = rig.state
    (rig.trust / "office.pub").rename(rig.folder / "kept")
    rig.trust.rmdir()
    rig.restart()
    rig.step(times=3)
    assert rig.models.current is None
    assert "trust folder" in rig.models.state().refused
    assert rig.state == before
    rig.trust.mkdir()
    (rig.folder / "kept").rename(rig.trust / "office.pub")
    rig.step(seconds=31)
    assert rig.models.title == "scripted-1.0.1"


def test_unsigned_bundles_are_refused_unless_allowed_and_then_it_is_said(tmp_path):
    """The state says so for as long as the configuration does, also of a signed one."""
    (tmp_path / "no").mkdir()
    strict = ModelRig(tmp_path / "no")
    strict.do(lambda slots: slots.settle().state)
    assert not strict.models.state().unsigned_allowed
    (tmp_path / "yes").mkdir()
    place = 'slots = "slots"\ntrust = "trust"\nallow_unsigned = true'
    rig = ModelRig(tmp_path / "yes", model=place)
    rig.flash(1, key=None)
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    assert not rig.models.state().signed
    assert rig.models.state().unsigned_allowed
    rig.do(lambda slots: slots.confirm())
    rig.flash(2, confirm=True)
    rig.step()
    assert rig.models.state().signed
    assert rig.models.state().unsigned_allowed


def test_a_fixed_bundle_is_asked_for_its_signature_where_a_trust_folder_is_given(tmp_path):
    """Signed by the office it judges, by a stranger it is refused; without a folder nobody asks."""
    for name, key, trust, title in (
        ("good", None, False, "scripted-1.0.1"),
        ("office", "office", True, "scripted-1.0.1"),
        ("stranger", STRANGER, True, ""),
        ("unsigned", None, True, ""),
    ):
        folder = tmp_path / name
        folder.mkdir()
        rig = ModelRig(folder, model='bundle = "m.lwb"' + ('\ntrust = "trust"' if trust else ""))
        options = {} if key == "office" else {"key": key}
        (folder / "m.lwb").write_bytes(rig.made(1, **options))
        rig.step()
        assert rig.models.title == title, name
        assert rig.models.state().signed is (key == "office")
        assert rig.models.state().unsigned_allowed is not trust
        assert not rig.slots.exists()
