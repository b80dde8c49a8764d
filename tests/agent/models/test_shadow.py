"""A model may look at the same parts before it decides about any."""

import threading

import numpy as np
import pytest
from bundles import picture, write_scripted
from model_rig import ModelRig
from slot_line import ANNA

from agent.active_model import open_active
from agent.clock import ManualClock, SystemClock
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError
from agent.models.shadow import FAILED_IN_A_ROW, MOST_PICTURES, WAITING, Beside, ShadowLane
from agent.records import Judged, Part, Reason, Trigger, Verdict, VerdictKind

PASS, REJECT, RECHECK = VerdictKind.PASS, VerdictKind.REJECT, VerdictKind.RECHECK
SAYS = {PASS: (0.0, 4.0), REJECT: (4.0, 0.0), RECHECK: (0.0, 0.5)}


class Scene:
    """A shadow whose answers are listed, stepped by hand."""

    def __init__(self, folder, answers):
        self.told = []
        self.engine = ScriptedEngine([(0.0, 1.0)], 32, 32)
        self.folder = folder
        self.model = open_active(
            write_scripted(folder / "m.lwb"), lambda _: self.engine, ManualClock()
        )
        self.engine._answers, self.engine._next = tuple(answers), 0
        self.lane = ShadowLane(self.model, folder / "shadow", self._tell, ManualClock())
        self.lane.STEP_S = 0
        self.seq = 0

    def show(self, kind, score=0.5, reason=Reason.NONE):
        """Offer a part that the active model found to be so, and let the shadow judge."""
        self.seq += 1
        part = Part(self.seq, Trigger(1, self.seq, 0))
        self.lane.offer(Judged(Verdict(part, kind, reason, score, "old-1"), picture(self.seq)))
        self.lane.step()

    def _tell(self, kind, text):
        self.told.append((kind, text))


def test_each_difference_is_counted_and_its_picture_kept(tmp_path):
    """The picture's name says what both of them found."""
    pairs = [
        (PASS, PASS), (PASS, REJECT), (REJECT, PASS), (REJECT, REJECT), (PASS, RECHECK),
        (RECHECK, REJECT), (RECHECK, RECHECK),
    ]  # fmt: skip
    scene = Scene(tmp_path, [SAYS[new] for _, new in pairs])
    for old, _ in pairs:
        scene.show(old)
    status = scene.lane.status()
    assert (status.parts, status.agree) == (7, 3)
    assert (status.only_new_rejects, status.only_old_rejects, status.rechecks_differ) == (1, 1, 2)
    names = sorted(path.name for path in (tmp_path / "shadow" / "scripted-1.0.0").iterdir())
    assert names == [
        "0000000002-PASS-0.500-REJECT-0.982.jpg",
        "0000000003-REJECT-0.500-PASS-0.018.jpg",
        "0000000005-PASS-0.500-RECHECK-0.378.jpg",
        "0000000006-RECHECK-0.500-REJECT-0.982.jpg",
    ]
    assert status.pictures == str(tmp_path / "shadow" / "scripted-1.0.0")


def test_what_was_not_inspected_is_not_compared(tmp_path):
    """Without a score there is nothing to compare; a late one agrees with nobody."""
    scene = Scene(tmp_path, [SAYS[REJECT]])
    scene.show(VerdictKind.UNINSPECTED, None, Reason.BLACK)
    scene.show(VerdictKind.UNINSPECTED, 0.1, Reason.LATE)
    assert scene.lane.status().parts == 0


def test_many_differences_cost_few_events_and_little_disk(tmp_path):
    """The first, tenth and hundredth are told; the newest pictures are kept."""
    scene = Scene(tmp_path, [SAYS[REJECT]])
    for _ in range(MOST_PICTURES + 20):
        scene.show(PASS)
    texts = [text for kind, text in scene.told if kind == "shadow_differs"]
    assert len(texts) == 3
    assert "differs in 100 of 100 parts: it alone rejects 100" in texts[-1]
    names = sorted(path.name for path in (tmp_path / "shadow").rglob("*.jpg"))
    assert len(names) == MOST_PICTURES
    assert names[-1].startswith("0000000120")
    again = ShadowLane(scene.model, tmp_path / "shadow", scene._tell, ManualClock())
    assert len(again._kept) == MOST_PICTURES


def test_the_pictures_of_an_earlier_shadow_go(tmp_path):
    """They would fill the disk over the years."""
    old = tmp_path / "shadow" / "scripted-0.9.0"
    old.mkdir(parents=True)
    (old / "x.jpg").write_bytes(b"")
    Scene(tmp_path, [SAYS[PASS]])
    assert not old.exists()


def test_a_shadow_that_fails_again_and_again_ends_and_says_so(tmp_path):
    """One failure is told, many in a row end the lane; the line never hears of it."""
    scene = Scene(tmp_path, [EngineError("no such operator")])
    for _ in range(FAILED_IN_A_ROW - 1):
        scene.show(PASS)
    assert scene.lane.status().failed == FAILED_IN_A_ROW - 1
    scene.lane.offer(Judged(Verdict(Part(1, Trigger(1, 1, 0)), PASS, score=0.1), picture()))
    assert not scene.lane._guarded(scene.lane.step)
    assert scene.lane._gave_up
    assert [kind for kind, _ in scene.told] == ["shadow_failed", "shadow_failed"]


def test_a_slow_shadow_drops_parts_and_delays_none(tmp_path, wait_until):
    """Offering never waits, however long the shadow takes for one part."""
    held, entered = threading.Event(), threading.Event()

    def hang():
        entered.set()
        held.wait(60)

    scene = Scene(tmp_path, [SAYS[PASS]])
    scene.engine._delay = hang
    beside = Beside(tmp_path / "shadow", scene._tell, SystemClock())
    beside.start(scene.model)
    part = Judged(Verdict(Part(1, Trigger(1, 1, 0)), PASS, score=0.1), picture())
    beside.offer(part)
    wait_until(entered.is_set)
    for _ in range(WAITING + 30):
        beside.offer(part)
    assert beside.status().dropped == 30
    scene.engine._delay = lambda: None
    held.set()
    wait_until(lambda: beside.status().parts == WAITING + 1)
    beside.stop()
    assert beside.status() is None
    assert ("shadow_report", scene.told[-1][1]) == scene.told[-1]
    wait_until(lambda: "lw-shadow" not in {one.name for one in threading.enumerate()})


def test_a_picture_that_cannot_be_kept_is_only_a_picture(tmp_path):
    """A full disk costs the picture; the counting goes on."""
    (tmp_path / "shadow").write_text("in the way")
    scene = Scene(tmp_path, [SAYS[REJECT]])
    scene.show(PASS)
    assert scene.lane.status().only_new_rejects == 1


@pytest.fixture
def rig(tmp_path, wait_until):
    """Return a device with a model that judges; its shadows are stopped."""
    rig = ModelRig(tmp_path)
    rig.flash(1, confirm=True)
    rig.step()
    rig.wait_until = wait_until
    yield rig
    rig.models.end()


def test_a_shadow_starts_and_ends_with_the_slots_and_the_gate_never_hears_of_it(rig):
    """The active model judges on; who did it is told and noted."""
    rig.shadow(2)
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    assert rig.models.state().shadow == "scripted-1.0.2"
    rig.parts(4, PASS)
    rig.wait_until(lambda: rig.judging_after_step().shadow.parts == 4)
    rig.do(lambda slots: slots.drop_shadow())
    rig.step()
    assert rig.models.state().shadow == ""
    assert rig.judging.shadow is None
    rows = [row for row in rig.deeds() if row.deed == "shadowed"]
    assert ["beside the model that judges" in rows[0].text, "no longer" in rows[1].text] == [
        True
    ] * 2
    assert all(ANNA in row.text for row in rows)
    assert "differs in" in rig.events("shadow_report")[0]


def test_a_shadow_may_become_the_model_on_probation(rig):
    """After the facts: it is opened anew, and proven like any other."""
    rig.shadow(2)
    rig.step()
    rig.do(lambda slots: slots.switch())
    rig.step()
    assert rig.models.title == "scripted-1.0.2"
    assert rig.models.state().shadow == ""
    assert rig.models.state().on_probation


def test_a_shadow_that_is_refused_changes_nothing(rig):
    """It is told; the model judges on and the slots keep it for whoever looks."""
    rig.shadow(2, logits=(3.0, 1.0))
    rig.step(times=3)
    assert rig.models.state().shadow == ""
    assert rig.models.title == "scripted-1.0.1"
    assert len(rig.events("model_refused")) == 1
    assert "scripted-1.0.1 judges on" in rig.events("model_refused")[0]
    assert "golden" in rig.judging.refused


def test_a_shadow_outlives_a_restart_but_not_many(rig):
    """One that takes the agent down is struck off like a trial."""
    rig.shadow(2)
    rig.step()
    for _ in range(3):
        rig.models.end()
        rig.restart()
        rig.step()
        assert rig.models.state().shadow == "scripted-1.0.2"
    rig.models.end()
    rig.restart()
    rig.step()
    assert rig.models.state().shadow == ""
    assert "beside it, took the agent down" in rig.events("slots")[0]
    assert rig.models.title == "scripted-1.0.1"


def test_pixels_are_looked_at_not_changed(tmp_path):
    """The recorder keeps the same picture."""
    scene = Scene(tmp_path, [SAYS[REJECT]])
    pixels = picture(5)
    before = np.array(pixels)
    scene.lane.offer(Judged(Verdict(Part(1, Trigger(1, 1, 0)), PASS, score=0.1), pixels))
    scene.lane.step()
    assert np.array_equal(pixels, before)
