"""Only a proven model judges parts."""

import numpy as np
import pytest
from bundles import picture, rewritten, write_scripted

from agent.active_model import WARM_UPS, Terms, open_active
from agent.clock import ManualClock
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError, ModelError
from bundle.errors import FrameError, ScoreError
from bundle.policy import Decision
from bundle.signature import Keyring


def opener(*answers, size=32):
    """Return a function that opens a scripted engine."""
    return lambda _: ScriptedEngine(answers, size, size)


def test_a_proven_model_judges_by_its_own_thresholds(tmp_path):
    """Score and decision follow from the logits, times from the clock."""
    clock = ManualClock()
    path = write_scripted(tmp_path / "m.lwb")
    answers = [(0.0, 1.0)] * (WARM_UPS + 1) + [(4.0, 0.0), (0.0, 4.0), (0.0, 0.5)]
    engine = ScriptedEngine(answers, 32, 32, delay=lambda: clock.advance(3_000_000))
    model = open_active(path, lambda _: engine, clock)
    judged = [model.judge(picture()) for _ in range(3)]
    assert [j.decision for j in judged] == [Decision.REJECT, Decision.PASS, Decision.RECHECK]
    assert judged[0].score == pytest.approx(1 / (1 + np.exp(-4)))
    assert judged[0].invoke_ns == 3_000_000
    assert model.title == "scripted-1.0.0"
    assert not model.signed


def test_other_outputs_on_this_device_are_refused(tmp_path):
    """A device that computes something else must not judge."""
    path = write_scripted(tmp_path / "m.lwb", logits=(0.0, 1.0))
    with pytest.raises(ModelError, match=r"golden frames give other outputs.*off by 0\.5"):
        open_active(path, opener((0.5, 1.0)), ManualClock())


@pytest.mark.parametrize("answer", [(float("nan"), 1.0), (1.0,), (1.0, 2.0, 3.0)])
def test_nonsense_outputs_are_refused(tmp_path, answer):
    """NaN and another number of labels are found before the first part."""
    with pytest.raises(ModelError):
        open_active(write_scripted(tmp_path / "m.lwb"), opener(answer), ManualClock())


def test_another_input_shape_is_refused(tmp_path):
    """Model and manifest must agree on the input."""
    with pytest.raises(ModelError, match="manifest says otherwise"):
        open_active(write_scripted(tmp_path / "m.lwb"), opener((0, 1), size=48), ManualClock())


def test_an_engine_that_cannot_load_is_one_line(tmp_path):
    """The file is named and the engine's own sentence kept."""

    def fail(_):
        raise EngineError("no such operator")

    with pytest.raises(ModelError, match=r"m\.lwb.*no such operator"):
        open_active(write_scripted(tmp_path / "m.lwb"), fail, ManualClock())


def test_a_refused_engine_is_closed(tmp_path):
    """No interpreter is left behind by a refusal."""
    engine = ScriptedEngine([(9.0, 1.0)], 32, 32)
    with pytest.raises(ModelError):
        open_active(write_scripted(tmp_path / "m.lwb"), lambda _: engine, ManualClock())
    with pytest.raises(EngineError, match="closed"):
        engine.infer()


def test_a_missing_bundle_names_its_file(tmp_path):
    """The path is in the error."""
    with pytest.raises(ModelError, match=r"none\.lwb"):
        open_active(tmp_path / "none.lwb", opener((0, 1)), ManualClock())


def test_a_frame_of_another_size_is_not_judged(tmp_path):
    """A camera that changed its size is noticed, not scaled on the quiet."""
    model = open_active(write_scripted(tmp_path / "m.lwb"), opener((0, 1)), ManualClock())
    with pytest.raises(FrameError, match="100x100"):
        model.judge(picture(size=100))


def test_a_broken_output_in_production_is_no_score(tmp_path):
    """A model that begins to give NaN raises, so that the part is rejected."""
    answers = [(0.0, 1.0)] * (WARM_UPS + 1) + [(float("nan"), 0.0)]
    path = write_scripted(tmp_path / "m.lwb")
    model = open_active(path, lambda _: ScriptedEngine(answers, 32, 32), ManualClock())
    with pytest.raises(ScoreError):
        model.judge(picture())


def test_a_bundle_judges_on_the_terms_of_its_place_only(tmp_path):
    """Trusted keys, the hash that was installed, and the camera's frames; each is one line."""
    path = write_scripted(tmp_path / "m.lwb")
    for terms, words in (
        (Terms(trust=Keyring()), "is not signed"),
        (Terms(sha256="0" * 64), "is not what was installed there"),
        (Terms(frame_size=(48, 64)), "trained on frames of 64x64, the camera gives 48x64"),
    ):
        with pytest.raises(ModelError, match=words):
            open_active(path, opener((0, 1)), ManualClock(), terms)
    free = Terms(trust=Keyring(), allow_unsigned=True, frame_size=(64, 64))
    assert not open_active(path, opener((0, 1)), ManualClock(), free).signed


def test_a_model_that_needs_a_newer_agent_is_never_given_to_an_engine(tmp_path):
    """After the agent was put back to an older one, for example: one line says what to do."""
    path = write_scripted(tmp_path / "m.lwb")
    path.write_bytes(rewritten(path.read_bytes(), None, needs_agent="99.1"))

    def never(_):
        pytest.fail("a model for a newer agent was loaded")

    with pytest.raises(ModelError, match=r"m\.lwb: .* needs linewarden 99\.1 .*update") as error:
        open_active(path, never, ManualClock())
    assert "\n" not in str(error.value)


def test_what_is_refused_is_never_given_to_an_engine(tmp_path):
    """An interpreter is no place for bytes that nobody vouches for."""
    path = write_scripted(tmp_path / "m.lwb")

    def never(_):
        pytest.fail("an untrusted model was loaded")

    for terms in (Terms(trust=Keyring()), Terms(sha256="0" * 64), Terms(frame_size=(1, 1))):
        with pytest.raises(ModelError):
            open_active(path, never, ManualClock(), terms)
