"""What `linewarden bench` measures and prints."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from agent import bench as bench_module
from agent.bench import bench, measure_bundles, read_machine
from agent.clock import ManualClock
from agent.engines.litert import LitertEngine
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError, ModelError
from bundle.archive import write_archive
from bundle.golden import make_golden
from bundle.manifest import DataFacts, InputSpec, Manifest, Thresholds

MODEL = (Path(__file__).parent / "engines" / "tiny_int8.tflite").read_bytes()
SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


def write_bundle(path, name="tiny"):
    """Write a bundle of the tiny model with golden frames that hold."""
    engine = LitertEngine(MODEL)

    def infer(prepared):
        engine.input_view()[...] = prepared
        return engine.infer()

    random = np.random.default_rng(4)
    frames = [random.integers(0, 256, (40, 40), np.uint8) for _ in range(2)]
    manifest = Manifest(
        name=name,
        version="1.0",
        release=1,
        architecture="tiny",
        recipe="int8",
        input=SPEC,
        labels=("bad", "ok"),
        defective=("bad",),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.4, chosen="for the tests"),
        golden_tolerance=0.001,
        entries={},
        data=DataFacts(fingerprint="0" * 64, pictures=1),
        tools={},
        metrics={},
    )
    write_archive(path, manifest, {"model.tflite": MODEL, **make_golden(frames, infer, SPEC)})
    return path


@pytest.fixture
def bundle(tmp_path):
    """Return the path of a bundle."""
    return write_bundle(tmp_path / "tiny-1.0.lwb")


def scripted(clock, delays_ms):
    """Return an opener of engines that take so long for each picture by the clock."""
    opened = []

    def open_engine(driver, model, threads):
        delay_ms = delays_ms[len(opened) % len(delays_ms)]
        clock.advance(round(50 * 1e6))
        engine = ScriptedEngine([(1.0, 0.0)], 32, 32, 1, lambda: clock.sleep(delay_ms / 1000))
        opened.append((driver, threads, engine))
        return engine

    return open_engine, opened


def run(*arguments):
    """Run the command with these arguments."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(bench)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_times_come_from_the_clock_that_is_given(bundle):
    """Load, prepare and invoke are told apart; warming up and golden frames are not measured."""
    clock = ManualClock()
    opener, _ = scripted(clock, [12.5])
    (found,) = measure_bundles([bundle], opener, clock, threads=2, runs=7)
    assert (found.load_ms, found.runs, found.threads) == (50.0, 7, 2)
    assert (found.invoke_ms.p50, found.invoke_ms.p99) == (12.5, 12.5)
    assert found.prepare_ms.p50 == 0.0
    assert found.engine == "scripted"
    assert (found.size_bytes, found.model_bytes) == (bundle.stat().st_size, len(MODEL))


def test_preparing_is_not_counted_as_invoking(bundle):
    """The time between taking the buffer and running the model belongs to prepare alone."""
    clock = ManualClock()

    class SlowBuffer(ScriptedEngine):
        def input_view(self):
            clock.advance(2_000_000)
            return super().input_view()

    def open_engine(driver, model, threads):
        return SlowBuffer([(1.0, 0.0)], 32, 32, 1, lambda: clock.advance(5_000_000))

    (found,) = measure_bundles([bundle], open_engine, clock, runs=3)
    assert (found.prepare_ms.p50, found.invoke_ms.p50) == (2.0, 5.0)


def test_a_rare_slow_part_shows_in_the_percentiles(bundle):
    """One in twenty at ten times the time is in p99 and not in p50."""
    clock, calls = ManualClock(), iter(range(1000))

    def open_engine(driver, model, threads):
        return ScriptedEngine(
            [(1.0, 0.0)],
            32,
            32,
            1,
            lambda: clock.advance(30_000 if next(calls) % 20 == 0 else 3000),
        )

    (found,) = measure_bundles([bundle], open_engine, clock, runs=200)
    assert (found.invoke_ms.p50, found.invoke_ms.p90, found.invoke_ms.p99) == (0.003, 0.003, 0.03)


def test_two_bundles_are_measured_in_turn(bundle, tmp_path):
    """Neither has the quiet machine for itself, and each goes first every other time."""
    clock, order = ManualClock(), []

    def open_engine(driver, model, threads):
        mark = chr(ord("a") + len(engines))
        engines.append(ScriptedEngine([(1.0, 0.0)], 32, 32, 1, lambda: order.append(mark)))
        return engines[-1]

    engines = []
    other = write_bundle(tmp_path / "other.lwb", "other")
    found = measure_bundles([bundle, other], open_engine, clock, runs=4)
    assert "".join(order[-8:]) == "abbaabba"
    assert [one.bundle for one in found] == ["tiny-1.0", "other-1.0"]


def test_a_device_that_computes_otherwise_is_told(bundle):
    """A fast wrong answer is no result: the golden frames are part of the measurement."""
    clock = ManualClock()
    opener, _ = scripted(clock, [1.0])
    assert not measure_bundles([bundle], opener, clock, runs=1)[0].golden_passed


def test_engines_are_closed_whatever_happens(bundle, tmp_path):
    """A second bundle that is missing leaves no engine of the first open."""
    clock = ManualClock()
    opener, opened = scripted(clock, [1.0])
    with pytest.raises(ModelError, match="missing"):
        measure_bundles([bundle, tmp_path / "missing.lwb"], opener, clock, runs=1)
    with pytest.raises(EngineError, match="closed"):
        opened[0][2].infer()


def test_a_frame_that_does_not_fit_is_refused(bundle):
    """A picture of one pixel cannot be prepared."""
    clock = ManualClock()
    opener, _ = scripted(clock, [1.0])
    with pytest.raises(ModelError, match="too small"):
        measure_bundles([bundle], opener, clock, runs=1, frame=np.zeros((1, 1), np.uint8))


def test_json_holds_percentiles_size_engine_and_machine(bundle):
    """A program finds everything under plain names."""
    result = run("--bundle", bundle, "--threads", 2, "--runs", 5, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert set(answer["invoke_ms"]) == set(answer["prepare_ms"]) == {"p50", "p90", "p99"}
    assert 0 < answer["invoke_ms"]["p50"] <= answer["invoke_ms"]["p99"]
    assert answer["size_bytes"] == bundle.stat().st_size
    assert answer["engine"].startswith("LiteRT")
    assert answer["golden_passed"] is True
    assert answer["machine"]["cpu"]
    assert answer["machine"]["cores"] >= 1
    assert "against" not in answer


def test_json_of_two_bundles_has_the_ratio_of_their_medians(bundle, tmp_path, monkeypatch):
    """The first takes twice the time of the second."""
    clock = ManualClock()
    opener, _ = scripted(clock, [4.0, 2.0])
    monkeypatch.setattr(bench_module, "open_engine", opener)
    monkeypatch.setattr(bench_module, "SystemClock", lambda: clock)
    other = write_bundle(tmp_path / "other.lwb", "other")
    result = run("--bundle", bundle, "--against", other, "--runs", 5, "--json")
    answer = json.loads(result.stdout)
    assert answer["against"]["bundle"] == "other-1.0"
    assert answer["ratio_of_medians"]["invoke"] == 2.0


def test_the_plain_text_is_for_people(bundle, tmp_path):
    """Each stage has its line, and a picture of one's own can be judged."""
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), np.full((50, 60, 3), 90, np.uint8))
    result = run("--bundle", bundle, "--runs", 3, "--frame", picture, "--against", bundle)
    assert result.exit_code == 0, result.output
    assert "invoke   p50" in result.stdout
    assert "golden frames give the expected outputs" in result.stdout
    assert "medians of the first over the second" in result.stdout


def test_a_picture_that_is_none_is_refused(bundle, tmp_path):
    """The file is named."""
    (tmp_path / "notes.txt").write_text("no picture")
    result = run("--bundle", bundle, "--frame", tmp_path / "notes.txt")
    assert isinstance(result.exception, ModelError)
    assert "notes.txt" in str(result.exception)


def test_a_machine_has_a_name_even_without_proc(monkeypatch):
    """Where there is no /proc/cpuinfo the architecture stands in."""
    assert read_machine().cpu

    def missing(*_arguments):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert read_machine().cpu
