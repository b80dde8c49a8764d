"""A board slowed down by heat or a weak supply says so; one without sensors says nothing."""

import pytest

from agent.thermal import Thermal, read_thermal


def put(root, path, text):
    """Write one file of the kernel's."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def cooler(root, number, kind, state):
    """Make a cooling device."""
    put(root, f"class/thermal/cooling_device{number}/type", f"{kind}\n")
    put(root, f"class/thermal/cooling_device{number}/cur_state", f"{state}\n")


def test_a_board_without_sensors_says_nothing(tmp_path):
    """Row 65: no file, no figure, and no fault either."""
    assert read_thermal(tmp_path) == Thermal(None, ())
    assert read_thermal(tmp_path / "nowhere").words == ""


def test_the_hottest_zone_counts_and_a_broken_sensor_does_not(tmp_path):
    """Sensors that are not connected say absurd things, or nothing."""
    for number, text in enumerate(["48500\n", "71250\n", "-273000\n", "2147483647\n", "x\n", ""]):
        put(tmp_path, f"class/thermal/thermal_zone{number}/temp", text)
    (tmp_path / "class/thermal/thermal_zone9").mkdir()
    assert read_thermal(tmp_path).hottest_c == 71.25


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("0", ""),
        ("50000\n", ""),  # what has happened once is no matter of now
        ("50005\n", "throttled, under_voltage"),
        ("e\n", "frequency_capped, soft_temperature_limit, throttled"),
        ("not hex", ""),
    ],
)
def test_a_pis_firmware_is_believed(tmp_path, flags, words):
    """The lower bits of get_throttled say what is so now."""
    put(tmp_path, "devices/platform/soc/soc:firmware/get_throttled", flags)
    assert read_thermal(tmp_path).words == words


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("cpufreq-cpu0", 2, "throttled"),
        ("Processor", 1, "throttled"),
        ("cpufreq-cpu0", 0, ""),
        ("pwm-fan", 3, ""),
        ("cpufreq-cpu0", "?", ""),
    ],
)
def test_a_cooler_that_takes_speed_away_is_throttling(tmp_path, kind, state, words):
    """A fan at work is none."""
    cooler(tmp_path, 0, "pwm-fan", 1)
    cooler(tmp_path, 1, kind, state)
    assert read_thermal(tmp_path).words == words


def test_this_machine_can_be_asked():
    """The real files bring out no fault."""
    assert isinstance(read_thermal().slowed_by, tuple)
