"""Models flashed on a running line: swapped between two parts, refused, left by themselves."""

from collections import Counter

import pytest
from live_line import RENDERED, wait_until
from slot_line import ANNA, REJECT_ALL, SlotLine, release

from agent.audit.verify import verify_folder
from agent.records import Reason

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]

NAME = "rendered-mobilenet_v2-1.0."
# What a part would say that fell into a gap between two models, or met half of one.
GAPS = {Reason.NOT_READY.value, Reason.ENGINE.value, Reason.FRAME.value}


def judged_by(line, number):
    """Return how many parts a release has judged."""
    return Counter(line.models())[f"{NAME}{number}"]


def numbers(line):
    """Return the releases that judged, in the order of the belt, each as often as it took over."""
    found = []
    for title in line.models():
        if title and (not found or found[-1] != title):
            found.append(title)
    return [title.removeprefix(NAME) for title in found]


def test_a_line_is_flashed_three_times_without_missing_a_part(tmp_path):
    """A good model is confirmed, a wrong one refused, a bad one left: by the belt's own record."""
    with SlotLine(tmp_path, rate=10, parts=600) as line:  # a busy machine takes its time
        line.settings = "[probation]\nparts = 20\nminutes = 0\nmax_uninspected_share = 0.9\n"
        line.settings += "max_p99_ms = 600000\n"  # this machine may be slow; the model is not
        line.flash(release(tmp_path, 1), confirm=True)
        line.start_gate()
        line.start_agent()
        wait_until(lambda: judged_by(line, 1) > 10, "parts judged by the first model")
        line.flash(release(tmp_path, 2))
        wait_until(lambda: line.judging().title == f"{NAME}2", "the swap")
        # The first confirmation is the technician's, from before the agent ran.
        wait_until(lambda: len(line.events("model_confirmed")) > 1, "the end of the probation")
        line.flash(release(tmp_path, 3, golden=b"[[9.0, 0.0], [0, 9], [0, 9], [0, 9]]\n"))
        wait_until(lambda: "golden" in line.judging().refused, "the refusal")
        wait_until(lambda: line.events("model_rolled_back"), "the way back")
        line.flash(release(tmp_path, 4, thresholds=REJECT_ALL))
        wait_until(lambda: line.events("probation_failed"), "the failed probation")
        wait_until(lambda: line.judging().title == f"{NAME}2", "the old model")
        swapped = judged_by(line, 2)
        wait_until(lambda: judged_by(line, 2) > swapped, "parts judged by the old model again")
        line.wait_for_belt()
        assert line.stop_agent() == 0
        line.balanced()
        assert numbers(line) == ["1", "2", "4", "2"]
        rows = line.rows()
        first = next(number for number, row in enumerate(rows) if row["model"])
        assert not GAPS & {row["reason"] for row in rows[first:]}
        assert "it rejects 100.0% of the parts" in line.events("probation_failed")[0]
        told = [ANNA in text for text in line.events("model_flashed")]
        assert told == [True] * 4  # the first one from before the agent ran, too
        assert verify_folder(tmp_path / "ledger", []).sound
        assert not line.judging().ready


def test_a_shadow_looks_at_a_live_line_and_touches_no_gate(tmp_path):
    """It would reject everything; the belt's record knows nothing of it."""
    with SlotLine(tmp_path, rate=10, parts=100) as line:
        line.flash(release(tmp_path, 1), confirm=True)
        line.do(lambda slots: slots.install(release(tmp_path, 2, thresholds=REJECT_ALL)))
        line.do(lambda slots: slots.shadow())
        line.start_gate()
        line.start_agent()

        def seen():
            judging = line.judging()
            shadow = judging.shadow if judging else None
            return shadow if shadow and shadow.only_new_rejects > 5 else None

        shadow = wait_until(seen, "differences")
        line.wait_for_belt()
        assert line.stop_agent() == 0
        counts = line.balanced()
        assert counts["PASS"] > 5
        assert numbers(line) == ["1"]
        assert shadow.only_old_rejects == 0
        pictures = list((tmp_path / "ledger" / "shadow").rglob("*-PASS-*-REJECT-*.jpg"))
        assert len(pictures) >= shadow.only_new_rejects
        assert line.events("shadow_report")
