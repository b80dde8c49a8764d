"""What boards say of themselves: trees of /sys like those of a Raspberry Pi and of a Jetson."""

from functools import partial

import pytest

from agent.bench.machine import BoardWatch, read_machine, read_temperatures
from agent.bench.throttle import ThrottleWatch, flag_advice, flag_names, parse_vcgencmd, read_flags
from agent.clock import ManualClock

CORE = "sys/devices/system/cpu/cpu{}/cpufreq/"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
PI = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/loadavg": "0.25 0.10 0.05 1/120 900",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "48312",
    THROTTLED: "0",
    **{CORE.format(core) + "scaling_cur_freq": "2400000" for core in range(4)},
    **{CORE.format(core) + "cpuinfo_max_freq": "2400000" for core in range(4)},
    CORE.format(0) + "scaling_governor": "ondemand",
}
JETSON = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "51000",
    "sys/class/thermal/thermal_zone1/type": "tj-thermal",
    "sys/class/thermal/thermal_zone1/temp": "52468",
    "sys/class/thermal/thermal_zone2/type": "PMIC-Die",
    "sys/class/thermal/thermal_zone2/temp": "100000",
    "sys/class/thermal/thermal_zone3/type": "cv0-thermal",
}


def watch(root, clock):
    """Return a watch over a tree."""
    return BoardWatch(root, clock, ThrottleWatch(partial(read_flags, root)))


def test_a_pi_tells_its_name_load_and_governor(tree):
    """The board is named, not the processor's core."""
    machine = read_machine(tree(PI))
    assert machine.cpu == "Raspberry Pi 5 Model B Rev 1.0"
    assert (machine.governor, machine.load_1min) == ("ondemand", 0.25)
    assert machine.cores >= 1


def test_a_pi_that_gets_hot_and_slow_is_told(tree):
    """Hottest, slowest and throttled at any look during the run, whatever it is at the end."""
    clock, root = ManualClock(), tree(PI)
    looking = watch(root, clock)
    tree({
        "sys/class/thermal/thermal_zone0/temp": "85100",
        CORE.format(2) + "scaling_cur_freq": "1500000",
        THROTTLED: "6000e",
    })  # fmt: skip
    looking.look()  # too soon after the last look: nothing is read
    clock.advance(1_000_000_000)
    looking.look()
    tree({**PI, THROTTLED: "60000"})
    found = looking.finish()
    assert found.temperature.before_c == found.temperature.after_c == 48.3
    assert (found.temperature.max_c, found.temperature.zone) == (85.1, "cpu-thermal")
    clock_mhz = (found.frequency.min_mhz, found.frequency.max_mhz, found.frequency.limit_mhz)
    assert clock_mhz == (1500.0, 2400.0, 2400.0)
    assert found.throttling.during == ("frequency_capped", "throttled", "soft_temperature_limit")
    assert (found.throttling.before_hex, found.throttling.after_hex) == ("0x0", "0x60000")


def test_looks_are_a_second_apart(tree):
    """The sensors are read between turns, so seldom that it costs nothing."""
    clock, root = ManualClock(), tree(PI)
    looking = watch(root, clock)
    tree({"sys/class/thermal/thermal_zone0/temp": "90000"})
    clock.advance(999_999_999)
    looking.look()
    tree(PI)
    assert looking.finish().temperature.max_c == 48.3


def test_a_jetson_has_no_flags_and_zones_that_do_not_answer(tree):
    """A sleeping zone and one that always says 100 degrees are left out."""
    root = tree(JETSON)
    assert {name: heat for heat, name in read_temperatures(root)} == {
        "cpu-thermal": 51.0,
        "tj-thermal": 52.5,
    }
    found = watch(root, ManualClock()).finish()
    assert found.temperature.zone == "tj-thermal"
    assert found.frequency is None


def test_a_machine_that_tells_nothing_has_a_name(tree, monkeypatch):
    """Without /proc and /sys all sensors are None, and the architecture stands in."""
    monkeypatch.setenv("PATH", "/nowhere")
    root = tree({})
    machine = read_machine(root)
    assert machine.cpu
    assert (machine.governor, machine.load_1min) == (None, None)
    found = watch(root, ManualClock()).finish()
    assert (found.temperature, found.frequency, found.throttling) == (None, None, None)


def test_a_processor_has_its_name_from_cpuinfo(tree):
    """A workstation has no device tree."""
    root = tree({"proc/cpuinfo": "processor\t: 0\nmodel name\t: A Fast One\n"})
    assert read_machine(root).cpu == "A Fast One"


@pytest.mark.parametrize(
    ("seen", "before", "during"),
    [
        ([0, 0], (), ()),
        ([0x50000, 0x50000], ("under_voltage", "throttled"), ()),  # long ago, as vcgencmd keeps it
        ([0x50000, 0, 0x10000], ("under_voltage", "throttled"), ("under_voltage",)),  # cleared
        ([0, 0x50005], (), ("under_voltage", "throttled")),
        ([0, 0x80008, 0x80000], (), ("soft_temperature_limit",)),
        ([0x1, 0x1], ("under_voltage",), ("under_voltage",)),
    ],
)
def test_old_trouble_is_told_from_new(seen, before, during):
    """Only what is so now, or has newly happened, spoils a measurement."""
    flags = iter(seen)
    looking = ThrottleWatch(lambda: next(flags))
    for _ in seen:
        looking.look()
    found = looking.result()
    assert (found.before, found.during) == (before, during)


def test_every_flag_has_advice():
    """A technician reads what to do, not a bit."""
    assert len(flag_names(0xF)) == 4
    assert all(flag_advice(name) for name in flag_names(0xF))


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("throttled=0x50005\n", 0x50005),
        ("error=1 error_msg", None),
        ("", None),
        ("throttled=x", None),
    ],
)
def test_vcgencmd_is_understood(text, flags):
    """What it says without a firmware to ask is no flag."""
    assert parse_vcgencmd(text) == flags


def test_vcgencmd_is_asked_where_there_is_no_file(tree, tmp_path, monkeypatch):
    """Newer kernels have no such file."""
    program = tmp_path / "bin" / "vcgencmd"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "throttled=0x8"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert read_flags(tree({})) == 8
