"""What `linewarden bench` prints, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from agent.bench.command import Means, bench, measure, parse_threads
from agent.bench.loading import Loading
from agent.bench.measure import Plan
from agent.bench.report import json_text
from agent.bench.text import plain_text, table
from agent.clock import ManualClock
from agent.errors import ConfigError, ModelError
from bundle.manifest import InputSpec

LOADING = Loading(1.0, 2.0, 3.0, 3.0, 5_000_000, None)


def run(*arguments):
    """Run the command with these arguments."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(bench)
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def report(write_bundle, scripted, tree):
    """Return a function that measures two scripted bundles on a machine of files."""

    def measured(files=(), threads=(1,), runs=40):
        clock = ManualClock()
        opener, _ = scripted(clock, [4.0, 1.0])
        means = Means(clock, opener, lambda path, driver, count: LOADING, tree(dict(files)))
        paths = (write_bundle(), write_bundle("other.lwb", "other"))
        return measure(Plan(paths, threads, runs=runs), means)

    return measured


def numbers(value):
    """Yield all numbers of a JSON value."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers(one)
    elif isinstance(value, float):
        yield value


def test_json_holds_everything_under_plain_names(bundle):
    """A program finds times, size, loading, operators and machine, and no NaN."""
    result = run("--bundle", bundle, "--runs", 20, "--warm-up", 0, "--ops", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout, parse_constant=pytest.fail)
    assert all(math.isfinite(one) for one in numbers(answer))
    (found,) = answer["results"]
    assert found["bundle"] == "tiny-1.0"
    assert found["engine"].startswith("LiteRT")
    assert found["golden_passed"] is True
    for stage in ("whole_ms", "invoke_ms", "prepare_ms"):
        assert set(found[stage]) == {"p50", "p90", "p99", "p99_9", "max"}
        assert 0 < found[stage]["p50"] <= found[stage]["p90"] <= found[stage]["max"]
        assert found[stage]["p99"] is found[stage]["p99_9"] is None  # of twenty times
    assert found["size_bytes"] == bundle.stat().st_size
    assert found["loading"]["load_ms"] > 0
    assert found["times_first"] is None
    (operators,) = answer["operators"]
    assert (operators["bundle"], operators["operators"]) == ("tiny-1.0", 7)
    assert [one["type"] for one in operators["outside"]] == ["QUANTIZE"]
    assert answer["machine"]["cpu"]
    assert set(answer["conditions"]) == {"temperature", "frequency", "throttling"}


def test_json_has_the_ratio_to_the_first_with_its_interval(report):
    """The second takes a quarter of the time of the first, in every turn."""
    answer = json.loads(json_text(report()))
    assert answer["results"][1]["times_first"]["invoke"] == {
        "ratio": 0.25, "low": 0.25, "high": 0.25,
    }  # fmt: skip


def test_the_plain_text_has_one_line_for_each_bundle_and_stage(report):
    """Columns stand below one another, and the ratio column has its interval."""
    lines = plain_text(report()).splitlines()
    whole = next(line for line in lines if line.startswith("whole"))
    assert whole.split() == [
        "whole", "tiny-1.0", "1", "4.000", "4.000", "-", "-", "4.000", "1",
    ]  # fmt: skip
    other = lines[lines.index(whole) + 1]
    assert other.strip().startswith("other-1.0  ")
    assert other.endswith("0.250 (0.250 .. 0.250)")
    head = next(line for line in lines if line.startswith("stage"))
    ends = {line.index("4.000") + len("4.000") for line in lines if "  4.000  " in line}
    assert ends == {head.index("p50") + len("p50")}
    assert head.endswith("  x first (95 %)")
    assert all(len(line) <= 120 for line in lines)


def test_without_a_second_bundle_there_is_no_ratio_column(bundle, scripted, tree):
    """A column of ones says nothing."""
    clock = ManualClock()
    opener, _ = scripted(clock, [4.0])
    means = Means(clock, opener, lambda *_: LOADING, tree({}))
    text = plain_text(measure(Plan((bundle,), (1, 2), runs=5), means))
    assert "x first" not in text
    assert text.count("tiny-1.0") == 2 * 4 + 1  # two thread counts in four blocks, and the warning


def test_a_wrong_machine_is_told_in_words(report):
    """The scripted engine gives other outputs than the bundle expects."""
    text = plain_text(report())
    assert "WRONG" in text
    assert "tiny-1.0: this machine does NOT give the expected outputs" in text


def test_a_throttled_board_is_told_with_advice(report):
    """The figures of a board with a weak supply are none."""
    text = plain_text(report({
        "sys/devices/platform/soc/soc:firmware/get_throttled": "1",
        "sys/class/thermal/thermal_zone0/temp": "60000",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand",
        "proc/loadavg": "63.5 1 1 1/1 1",
    }))  # fmt: skip
    assert "throttling: YES\n  under_voltage: the supply is too weak" in text
    assert "60.0 C at most" in text
    assert "clock: 600 to 600 MHz, governor ondemand" in text
    assert "other programs use this machine (load 63.5)" in text


def test_energy_has_its_columns_where_a_board_can_tell(report):
    """A Jetson at 5 W takes 20 mJ for a part of 4 ms."""
    folder = "sys/class/hwmon/hwmon1/"
    files = {"name": "ina3221", "in1_label": "VDD_IN", "in1_input": 5000, "curr1_input": 1000}
    found = report({folder + name: text for name, text in files.items()})
    assert [one.energy.millijoules_per_part for one in found.results] == [20.0, 5.0]
    assert "20.0 mJ  5.00 W" in plain_text(found)


def test_the_command_prints_operators_for_people(bundle):
    """The line about the delegate names what is not in it."""
    result = run("--bundle", bundle, "--runs", 3, "--ops", "--against", bundle)
    assert result.exit_code == 0, result.output
    assert "operators of tiny-1.0, 1 thread, by LiteRT's profiler" in result.stdout
    assert "6 of 7 operators run in the XNNPACK delegate; not in it: QUANTIZE (node 0)" in (
        result.stdout
    )
    assert "right" in result.stdout


def test_a_picture_of_ones_own_can_be_judged(bundle, tmp_path):
    """It has the camera's size, in colour or not."""
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), np.full((40, 40, 3), 90, np.uint8))
    assert run("--bundle", bundle, "--runs", 1, "--frame", picture).exit_code == 0


def test_a_file_that_is_no_picture_is_refused(bundle, tmp_path):
    """The file is named."""
    (tmp_path / "notes.txt").write_text("no picture")
    result = run("--bundle", bundle, "--frame", tmp_path / "notes.txt")
    assert isinstance(result.exception, ModelError)
    assert "notes.txt" in str(result.exception)


def test_a_picture_that_is_not_there_is_refused(bundle, tmp_path, capfd):
    """In one line: OpenCV's own warning does not come before it."""
    result = run("--bundle", bundle, "--frame", tmp_path / "gone.png")
    assert "no such file" in str(result.exception)
    assert capfd.readouterr().err == ""


def test_a_bundle_that_is_not_there_is_refused(tmp_path):
    """One line with its name."""
    result = run("--bundle", tmp_path / "gone.lwb")
    assert isinstance(result.exception, ModelError)
    assert "gone.lwb" in str(result.exception)
    assert "\n" not in str(result.exception)


def test_an_unknown_driver_is_refused_with_those_there_are(bundle):
    """The line lists them."""
    result = run("--bundle", bundle, "--driver", "abacus")
    assert isinstance(result.exception, ConfigError)
    assert "litert" in str(result.exception)


def test_the_page_measures_no_bundle_that_cannot_be_made():
    """A float model is none: its input would not be uint8."""
    page = (Path(__file__).parents[3] / "docs" / "bench.md").read_text("utf-8")
    (example,) = re.findall(r"^    linewarden bench .*", page, re.MULTILINE)
    assert re.findall(r"(\w+)\.lwb", example) == ["slim", "full"]
    with pytest.raises(ValidationError, match="uint8"):
        InputSpec(height=32, width=32, frame_height=40, frame_width=40, dtype="float32")


def test_thread_counts_are_read_once_each():
    """Spaces and repetitions do no harm."""
    assert parse_threads("1, 2,4,2", 4) == (1, 2, 4)


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "1,,2", "1.5", "²"])
def test_what_is_no_thread_count_is_refused(text):
    """The line shows how they are written."""
    with pytest.raises(ConfigError, match="as 1,2,4"):
        parse_threads(text, 64)


def test_more_threads_than_cores_are_refused():
    """The line names the most that makes sense."""
    with pytest.raises(ConfigError, match="give at most 2"):
        parse_threads("1,8", 2)


def test_a_table_is_aligned():
    """Words to the left, numbers to the right, no blanks at the end."""
    assert table(["name", "ms", ""], [["a", "10.5", "##"], ["bcdef", "1", ""]]) == [
        "name     ms",
        "a      10.5  ##",
        "bcdef     1",
    ]
