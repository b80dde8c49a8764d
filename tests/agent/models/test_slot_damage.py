"""Slots that decay, are damaged or cannot be written, and trials that take the agent down."""

from bundle.slot_files import COPY, STATE, bundle_path


def test_a_decayed_active_slot_gives_way_at_the_start(rig):
    """The other slot's model judges; with both gone everything is rejected and the agent is up."""
    rig.flash(2, confirm=True)
    path = bundle_path(rig.slots, rig.state.active)
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    rig.restart()
    rig.step(times=2)
    assert rig.models.title == "scripted-1.0.1"
    assert "scripted-1.0.2 is damaged" in rig.events("slots")[0]
    bundle_path(rig.slots, rig.state.active).unlink()
    rig.restart()
    rig.step(times=2)
    assert rig.models.current is None
    assert rig.models.tried.is_set()


def test_a_trial_that_takes_the_agent_down_is_left_after_some_starts(rig):
    """A crash counts as one: the model before judges again."""
    rig.flash(2)
    for _ in range(3):
        rig.restart()
        rig.step()
        assert rig.models.title == "scripted-1.0.2"
    rig.restart()
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    assert "took the agent down" in rig.events("slots")[0]
    assert rig.state.floors == dict.fromkeys(rig.state.floors, 1)


def test_a_state_that_is_damaged_meanwhile_changes_nothing(rig):
    """It is said once; what judges goes on."""
    for name in (STATE, COPY):
        (rig.slots / name).write_bytes(b"\0" * 50)
    rig.step(times=5)
    assert rig.models.title == "scripted-1.0.1"
    assert len(rig.events("slots")) == 1


def test_slots_that_cannot_be_written_do_not_keep_the_model_from_judging(rig, monkeypatch):
    """A read-only disk costs the settling, never the line."""

    def full(*_):
        raise OSError(30, "Read-only file system")

    rig.flash(2)
    monkeypatch.setattr("bundle.slot_files.replace_durably", full)
    rig.restart()
    rig.step(times=40)
    assert rig.models.title == "scripted-1.0.2"
    assert len(rig.events("slots")) == 1
    assert "Read-only" in rig.events("slots")[0]
