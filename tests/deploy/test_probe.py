"""A new model in a process of its own: what proves it, and every way to die there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from flash_rig import MODEL

from bundle.archive import parse_archive
from deploy.errors import ProbeError
from deploy.interpreter import Interpreter, find_library
from deploy.probe import Bounds, probe_bundle
from deploy.probe_child import examine, leave_network, percentile_ms

TIGHT = Bounds(memory_mib=1024, cpu_s=30, wall_s=30)


def python(code: str) -> tuple[str, ...]:
    """Return a child that is this code, in the place of ours."""
    return (sys.executable, "-c", code)


def refused(data: bytes, bounds: Bounds = TIGHT, **asked) -> str:
    """Return the one line of a refusal."""
    with pytest.raises(ProbeError) as error:
        probe_bundle(data, 1, bounds, **asked)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_good_model_passes_with_its_figures(make):
    """Its golden frames agree and its time is known."""
    found = probe_bundle(make(), 2)
    assert found.frames == 2
    assert found.worst <= found.tolerance
    assert found.runs >= 20
    assert 0 < found.p50_ms <= found.p99_ms


def test_golden_frames_that_fail_on_this_board_are_a_refusal(make):
    """A whole, signed model with other golden outputs than this board computes."""
    said = refused(make(shift=0.5))
    assert "golden frames give other outputs on this board (off by 0.5" in said


@pytest.mark.parametrize("model", [b"\x7fELF" + bytes(2000), MODEL[:2000], b"no model"])
def test_what_is_no_model_is_a_refusal(make, model):
    """A program for another processor, half a model, a text."""
    assert "the model" in refused(make(model=model))


@pytest.mark.parametrize("change", ["operator version", "operator", "schema"])
def test_a_model_for_a_newer_interpreter_is_told_apart(make, change):
    """It is not damaged: linewarden is too old for it."""
    said = refused(make(model=newer(change)))
    assert "needs a newer interpreter" in said
    assert "update linewarden" in said


def test_a_model_compiled_for_another_processor_is_told_apart(make):
    """It is not damaged either: no other copy of it would run here."""
    said = refused(make(model=newer("edgetpu-custom-op")))
    assert "another processor than this board's" in said
    assert "edgetpu-custom-op" in said
    assert "ask for the bundle" in said


def newer(change: str) -> bytes:
    """Return the tiny model as a later converter, or another board's compiler, might write it."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(MODEL, 0))
    for code in model.operatorCodes:
        if change == "operator version":
            code.version = 99
        elif change == "operator":
            code.builtinCode, code.deprecatedBuiltinCode = 300, 127
        elif change.endswith("-op"):
            code.builtinCode, code.deprecatedBuiltinCode = 32, 32  # CUSTOM
            code.customCode = change.encode()
    if change == "schema":
        model.version = 9
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_model_of_other_inputs_or_labels_is_a_refusal(make):
    """The manifest is signed, and still may be wrong about its model."""
    from flash_rig import SPEC

    larger = SPEC.model_copy(update={"height": 64})
    assert "its manifest says otherwise" in refused(make(input=larger))
    assert "another number of labels" in refused(make(labels=("bad", "ok", "odd")))


def test_a_crash_is_a_refusal_that_names_the_signal():
    """The line would have died of it."""
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS"):
        code = f"import os, signal; os.kill(os.getpid(), signal.{name})"
        assert f"kills its process ({name})" in refused(b"", command=python(code))


def test_a_memory_hog_is_a_refusal():
    """It is stopped by its limit, not by the board's last free page."""
    code = "held = [bytearray(64 << 20) for _ in range(1000)]"
    assert "more than 1024 MiB of memory" in refused(b"", command=python(code))


def test_a_sleeper_is_a_refusal_and_does_not_stay(tmp_path, wait_until):
    """It is killed with all that it started."""
    code = (
        "import os, sys, time; pid = os.fork();"
        f"os.write(os.open({str(tmp_path / 'fifo')!r}, os.O_WRONLY), b'%d ' % os.getpid());"
        "time.sleep(1000)"
    )
    os.mkfifo(tmp_path / "fifo")
    descriptor = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    said = refused(b"", Bounds(wall_s=6), command=python(code))
    pids = os.read(descriptor, 100).split()
    os.close(descriptor)
    assert "not ready within 6 s" in said
    assert len(pids) == 2
    for pid in pids:
        wait_until(lambda pid=int(pid): not runs(pid))


def runs(pid: int) -> bool:
    """Tell whether a process still runs."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_busy_loop_is_a_refusal():
    """By the processor's time that it took."""
    said = refused(b"", Bounds(cpu_s=1), command=python("while True: pass"))
    assert "more than 1 s to try" in said


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('x' * 10_000_000)", "not ready within"),
        ("print('{}')", "proved nothing"),
        ('print(\'{"frames": 1, "runs": 1, "p99_ms": NaN}\')', "gave no answer"),
        ("pass", "gave no answer"),
        ("raise SystemExit(3)", "exit code 3"),
    ],
)
def test_a_child_that_does_not_answer_as_it_should_is_a_refusal(code, says):
    """Too much, nothing, nonsense."""
    wall_s = 5 if says == "not ready within" else 60  # a busy machine is slow to start a child
    assert says in refused(b"", Bounds(wall_s=wall_s), command=python(code))


def test_a_child_cannot_write_a_file(tmp_path):
    """Not a byte."""
    path = tmp_path / "left"
    code = f"import pathlib; pathlib.Path({str(path)!r}).write_bytes(b'x')"
    assert "File too large" in refused(b"", command=python(code))
    assert path.read_bytes() == b""


def test_a_child_that_cannot_be_started_is_a_refusal():
    """No interpreter of Python, no process."""
    assert "cannot be tried" in refused(b"", command=("/no/such/program",))


def test_the_child_has_no_network_where_the_kernel_lets_it_go():
    """It sees no interface but its own unconfigured loopback."""
    code = (
        "import json, socket, sys; from deploy.probe_child import leave_network;"
        "left = leave_network(); names = [name for _, name in socket.if_nameindex()];"
        "sys.exit(7 if left and set(names) <= {'lo'} else 8 if left else 9)"
    )
    said = refused(b"", command=python(code))
    if "exit code 9" in said:
        pytest.skip("the kernel does not let a process leave its network here")
    assert "exit code 7" in said
    assert callable(leave_network)


def test_a_slow_model_is_timed_with_fewer_runs(make, now):
    """The time for the trial is bounded, and twenty runs are enough to refuse a snail."""
    now.now_ns = iter(range(0, 10**15, 10**9)).__next__
    found = examine(make(), find_library(), 1, 200, now)
    assert found.runs == 20
    assert found.p99_ms == 1000.0


def test_percentiles_are_times_that_were_measured():
    """The 99th of 100 is the second worst."""
    assert percentile_ms([n * 10**6 for n in range(1, 101)], 0.99) == 99.0
    assert percentile_ms([7 * 10**6], 0.99) == 7.0


def test_both_interpreters_of_ours_give_the_same_logits(make):
    """Flashing and the agent must not differ in what they prove."""
    from agent.engines.litert import LitertEngine

    picture = np.random.default_rng(3).integers(0, 256, (32, 32, 1), np.uint8)
    engine = LitertEngine(parse_archive(make()).model)
    engine.input_view()[...] = picture
    ours = Interpreter(MODEL, find_library(), 1).infer(picture)
    np.testing.assert_array_equal(engine.infer(), ours)
