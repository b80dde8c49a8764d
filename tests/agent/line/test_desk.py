"""What a named person asks of the line: refused or noted first, carried out, and shown."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audit.rows import CHAIN_NAME, parse_line
from agent.audit.verify import verify_folder
from agent.clock import ManualClock
from agent.config.bypass import Bypass
from agent.errors import LineError
from agent.ledger.disk import host_boot_id
from agent.line.desk import LineDesk, mode_text
from agent.line.files import (
    FRESH_NS,
    REQUEST_NAME,
    STATE_NAME,
    Request,
    is_latched,
    leave_request,
    read_state,
    take_request,
)
from agent.line.mode import LineMode, ModeKind

MINUTE = 60_000_000_000


class Rig:
    """A desk in a folder, with its line, clock and what was told."""

    def __init__(self, folder, section=None):
        self.folder, self.clock, self.mode, self.told = folder, ManualClock(10**12), LineMode(), []
        self.section = section or Bypass(allowed=True, max_minutes=30.0)
        self.desk = self.start()

    def start(self):
        """Begin another life of the agent on the same folder."""
        self.mode = LineMode()
        self.desk = LineDesk(self.folder, self.mode, self.section, self._tell, self.clock)
        self.desk.open()
        return self.desk

    def request(self, action, **changes):
        """Return a request as the command makes it."""
        plain = {
            "id": "0" * 16,
            "by": "Anna",
            "why": "camera away",
            "account": "anna",
            "minutes": None,
        }
        now = {"host_boot": host_boot_id(), "at_ns": self.clock.now_ns()}
        return Request(action=action, **{**plain, **now, **changes})

    def ask(self, action, **changes):
        """Ask, let the agent look, and return its answer."""
        leave_request(self.folder, self.request(action, **changes))
        self.desk.check()
        state = read_state(self.folder)
        assert state.answered == "0" * 16
        return state

    def _tell(self, kind, text):
        self.told.append((kind, text))

    @property
    def now(self):
        """Return the kind of the present state."""
        return self.mode.at(self.clock.now_ns()).kind

    def deeds(self):
        """Return the audit rows as (deed, who)."""
        lines = (self.folder / CHAIN_NAME).read_bytes().splitlines()
        return [(row.deed, row.who) for row in (parse_line(line).row for line in lines)][1:]


@pytest.fixture
def rig(tmp_path):
    """Return a line where a bypass is allowed."""
    return Rig(tmp_path)


def test_a_pause_is_noted_told_and_shown(rig):
    """Who, why, in the chain, in an event, in the file that `line show` reads."""
    answer = rig.ask("pause")
    assert answer.done
    assert (answer.mode, answer.by, answer.why) == (ModeKind.PAUSED, "Anna", "camera away")
    assert rig.deeds() == [("paused", "Anna (anna)")]
    assert rig.told[-1][0] == "line_paused"
    assert "audit row 2:" in rig.told[-1][1]
    assert verify_folder(rig.folder, []).sound
    assert mode_text(rig.mode.set) == "PAUSED by Anna: camera away"


def test_no_bypass_where_the_configuration_does_not_allow_it(tmp_path):
    """The default is no: refused, told, and nothing changes."""
    rig = Rig(tmp_path, Bypass())
    answer = rig.ask("bypass", minutes=1.0)
    assert not answer.done
    assert "bypass.allowed" in answer.text
    assert rig.now is ModeKind.INSPECTING
    assert not (tmp_path / CHAIN_NAME).exists()
    assert rig.told[-1][0] == "line_refused"


@pytest.mark.parametrize(("minutes", "done"), [(None, True), (30.0, True), (30.5, False)])
def test_a_bypass_is_never_longer_than_allowed(rig, minutes, done):
    """More is refused; without a figure it is the most that is allowed."""
    assert rig.ask("bypass", minutes=minutes).done is done
    assert rig.now is (ModeKind.BYPASSED if done else ModeKind.INSPECTING)
    rig.clock.advance(30 * MINUTE)
    assert rig.now is ModeKind.INSPECTING


def test_the_end_of_a_bypass_is_noted_as_its_beginning_is(rig):
    """It ends by itself, and the chain says when."""
    rig.ask("bypass", minutes=2.0)
    rig.clock.advance(2 * MINUTE)
    rig.desk.check()
    assert rig.deeds() == [("bypassed", "Anna (anna)"), ("resumed", "linewarden")]
    assert "run out of time" in rig.told[-1][1]
    assert read_state(rig.folder).mode is ModeKind.INSPECTING


def test_a_bypass_that_cannot_be_noted_does_not_begin(rig):
    """The audit chain is a folder here: no row, no bypass."""
    (rig.folder / CHAIN_NAME).mkdir()
    answer = rig.ask("bypass", minutes=1.0)
    assert not answer.done
    assert "cannot be noted" in answer.text
    assert rig.now is ModeKind.INSPECTING


def test_a_pause_that_cannot_be_noted_begins_all_the_same(rig):
    """To divert is safe: it comes first, and an event says that the note is missing."""
    (rig.folder / CHAIN_NAME).mkdir()
    assert rig.ask("pause").done
    assert rig.now is ModeKind.PAUSED
    assert "audit_lost" in {kind for kind, _ in rig.told}


def test_a_bypass_never_survives_its_agent(rig):
    """Killed or stopped, the next life inspects, and the chain says so."""
    rig.ask("bypass", minutes=20.0)
    rig.start()
    assert rig.now is ModeKind.INSPECTING
    assert rig.deeds()[-1] == ("resumed", "linewarden")
    rig.ask("bypass", minutes=20.0)
    rig.desk.close()
    assert rig.now is ModeKind.INSPECTING
    assert read_state(rig.folder).mode is ModeKind.INSPECTING


@pytest.mark.parametrize("latched", [False, True])
def test_a_pause_and_a_latch_survive_it(rig, latched):
    """Whoever diverted the line may be working at it: a restart does not open it."""
    if latched:
        rig.mode.latch("part 7 went the wrong way", 1)
        rig.desk.check()
    else:
        rig.ask("pause")
    kind = rig.now
    rig.start()
    assert rig.now is kind
    assert "still" in rig.told[-1][1]
    assert rig.ask("resume", why="done").done
    rig.start()
    assert rig.now is ModeKind.INSPECTING


def test_a_damaged_state_file_counts_as_a_pause(rig):
    """Nobody knows what it said; to divert is safe."""
    (rig.folder / STATE_NAME).write_bytes(b"{")
    rig.start()
    assert rig.now is ModeKind.PAUSED


def test_a_damaged_state_file_of_a_line_that_stops_its_belt_counts_as_a_latch(rig):
    """It may have said so, and then no accident may let the belt run: a person resumes."""
    (rig.folder / STATE_NAME).write_bytes(b"{")
    assert is_latched(rig.folder)
    mode = LineMode()
    LineDesk(rig.folder, mode, rig.section, rig._tell, rig.clock, stops=True).open()
    assert mode.set.kind is ModeKind.LATCHED


def test_whether_a_line_was_left_latched_can_be_read_while_no_agent_runs(rig):
    """By the drill, which must not let a belt run that was stopped for a disagreement."""
    assert not is_latched(rig.folder)
    rig.mode.latch("part 7 went the wrong way", 1)
    rig.desk.check()
    assert is_latched(rig.folder)
    assert not is_latched(rig.folder / "nothing")


def test_a_latch_is_noted_once(rig):
    """By the line itself, with what its gate did."""
    rig.mode.latch("part 7 went the wrong way", 1)
    rig.desk.check()
    rig.desk.check()
    assert rig.deeds() == [("latched", "linewarden")]
    assert read_state(rig.folder).why == "part 7 went the wrong way"
    assert not rig.ask("bypass", minutes=1.0).done


def test_nobody_resumes_a_latch_that_they_cannot_have_heard_of(rig):
    """The gate disagrees while a resumption of something else is on its way: the latch stays."""
    rig.ask("pause")
    rig.ask("resume")
    rig.mode.latch("part 7 went the wrong way", 1)
    answer = rig.ask("resume", why="the chute is changed")
    assert (answer.done, answer.mode) == (False, ModeKind.LATCHED)
    assert "just been latched" in answer.text
    assert rig.deeds()[2:] == [("latched", "linewarden")]
    assert rig.ask("resume", why="the flap is mended").done
    assert rig.now is ModeKind.INSPECTING


def test_a_pause_in_the_moment_of_a_latch_hides_it_from_nobody(rig):
    """Both stand in the chain, and it stays a latch."""
    rig.mode.latch("part 7 went the wrong way", 1)
    answer = rig.ask("pause")
    assert (answer.mode, answer.why) == (ModeKind.LATCHED, "part 7 went the wrong way")
    assert answer.text.endswith("; it stays latched: part 7 went the wrong way")
    assert [deed for deed, _ in rig.deeds()] == ["latched", "paused"]


def test_a_request_from_before_the_start_is_thrown_away(rig):
    """Nobody bypasses a line that was not running when they asked."""
    leave_request(rig.folder, rig.request("bypass", minutes=1.0))
    rig.start()
    rig.desk.check()
    assert rig.now is ModeKind.INSPECTING
    assert not (rig.folder / REQUEST_NAME).exists()


@pytest.mark.parametrize("changes", [{"host_boot": "another"}, {"at_ns": 0}, {"at_ns": 2**62}])
def test_an_old_request_or_one_of_another_boot_is_refused(rig, changes):
    """Its moment cannot be now."""
    answer = rig.ask("bypass", minutes=1.0, **changes)
    assert not answer.done
    assert rig.now is ModeKind.INSPECTING
    rig.clock.advance(FRESH_NS)


def test_a_link_in_the_requests_place_is_not_followed(rig, tmp_path):
    """It is thrown away, and told."""
    target = tmp_path / "elsewhere"
    target.write_text(rig.request("bypass", minutes=1.0).model_dump_json())
    (rig.folder / REQUEST_NAME).symlink_to(target)
    rig.desk.check()
    assert rig.now is ModeKind.INSPECTING
    assert not os.path.lexists(rig.folder / REQUEST_NAME)
    assert target.exists()
    assert rig.told[-1][0] == "line_refused"


@settings(max_examples=200)
@given(content=st.binary(max_size=6000))
def test_noise_in_the_requests_place_changes_nothing(tmp_path_factory, content):
    """Bytes of any kind are thrown away with one sentence."""
    folder = tmp_path_factory.mktemp("noise")
    (folder / REQUEST_NAME).write_bytes(content)
    with pytest.raises(LineError):
        take_request(folder)
    assert take_request(folder) is None


@pytest.mark.parametrize(
    "changes", [{"by": ""}, {"why": ""}, {"by": "A\nB"}, {"minutes": 0.0}, {"minutes": -1.0}]
)
def test_a_request_needs_a_name_and_a_reason(rig, changes):
    """Neither is ever empty nor breaks a line."""
    with pytest.raises(ValueError, match="validation error"):
        rig.request("bypass", **changes)
