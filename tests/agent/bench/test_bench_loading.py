"""What a bundle costs to load."""

import pytest

from agent.bench.loading import LOADS, load_repeatedly, probe_in_child
from agent.clock import ManualClock
from agent.engines.scripted import ScriptedEngine
from agent.errors import ModelError


def test_each_step_of_loading_has_its_time(bundle, tmp_path):
    """Building the engine and the first part are told apart; the median is of fresh loads."""
    clock, slow = ManualClock(), iter([900, 40, 50, 60, 45])

    def opener(model, threads):
        clock.advance(next(slow) * 1_000_000)
        return ScriptedEngine([(1.0, 0.0)], 32, 32, 1, lambda: clock.advance(7_000_000))

    found = load_repeatedly(bundle, 1, clock, opener, tmp_path)
    assert (found.archive_ms, found.engine_ms, found.first_part_ms) == (0.0, 50.0, 7.0)
    assert found.load_ms == 50.0
    assert (found.grows_bytes, found.peak_bytes) == (None, None)  # no /proc in this folder


def test_memory_is_what_the_process_grew_by(bundle, tmp_path):
    """Resident and peak at the first part, less what was there before; the peak begins anew."""
    status = tmp_path / "status"
    status.write_text("Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  400 kB\n")

    def opener(model, threads):
        status.write_text("VmHWM:\t  1500 kB\nVmRSS:\t  1000 kB\n")
        return ScriptedEngine([(1.0, 0.0)], 32, 32)

    found = load_repeatedly(bundle, 1, ManualClock(), opener, tmp_path)
    assert (found.grows_bytes, found.peak_bytes) == (600 * 1024, 1100 * 1024)
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_engines_are_closed_after_each_load(bundle, tmp_path):
    """Five loads leave nothing behind."""
    closed = []

    class Closing(ScriptedEngine):
        def close(self):
            closed.append(self)
            super().close()

    load_repeatedly(
        bundle, 1, ManualClock(), lambda model, threads: Closing([(1.0, 0.0)], 32, 32), tmp_path
    )
    assert len(closed) == LOADS


def test_a_real_bundle_is_loaded_in_a_process_of_its_own(bundle):
    """Times are positive, and the model takes memory."""
    found = probe_in_child(bundle, "litert", 1)
    assert found.archive_ms > 0
    assert found.engine_ms > 0
    assert found.load_ms >= max(found.archive_ms, found.engine_ms) / 2
    assert found.peak_bytes >= found.grows_bytes > 0


def test_a_process_that_fails_is_told_with_its_reason(tmp_path):
    """The bundle is named, and so is what the process said of it, in one line."""
    path = tmp_path / "gone.lwb"
    with pytest.raises(ModelError) as told:
        probe_in_child(path, "litert", 1)
    assert str(told.value) == (
        f"{path}: the process that measures its loading failed "
        f"(exit code 1: cannot read the bundle {path}: No such file or directory)"
    )


def test_of_a_traceback_the_last_line_is_told(bundle):
    """Of a fault that nobody foresaw that line alone says what it is."""
    with pytest.raises(ModelError, match=r"failed \(exit code 1: KeyError: 'abacus'\)$"):
        probe_in_child(bundle, "abacus", 1)


def test_a_process_that_is_killed_says_nothing_and_its_signal_is_told(
    bundle, tmp_path, monkeypatch
):
    """As when memory runs out."""
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(killed))
    with pytest.raises(ModelError, match=r"failed \(exit code -9\)$"):
        probe_in_child(bundle, "litert", 1)
