"""Energy per part, where the machine can tell."""

import pytest

from agent.bench.power import Ina3221Meter, RaplMeter, find_meter, measure_energy
from agent.clock import ManualClock

RAPL = {
    "sys/class/powercap/intel-rapl:0/name": "package-0",
    "sys/class/powercap/intel-rapl:0/energy_uj": "1000",
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "10000000",
    "sys/class/powercap/intel-rapl:0:0/name": "core",
    "sys/class/powercap/intel-rapl:0:0/energy_uj": "7",
}
HWMON = "sys/class/hwmon/hwmon3/"
JETSON = {
    "sys/class/hwmon/hwmon0/name": "tmp451",
    HWMON + "name": "ina3221",
    HWMON + "in1_label": "VDD_IN",
    HWMON + "in1_input": "5000",
    HWMON + "curr1_input": "800",
    HWMON + "in2_label": "VDD_CPU_GPU_CV",
    HWMON + "in2_input": "5000",
    HWMON + "curr2_input": "200",
}


def test_a_jetson_counts_its_input_rail(tree):
    """4 W while waiting, 8 W while judging parts of 10 ms: 80 mJ a part."""
    clock, root = ManualClock(), tree(JETSON)
    meter = find_meter(root)
    assert isinstance(meter, Ina3221Meter)

    def judge():
        tree({HWMON + "curr1_input": "1600"})
        clock.advance(10_000_000)

    found = measure_energy(meter, clock, judge)
    assert found.meter == "ina3221"
    assert found.idle_watts == pytest.approx(4.0)
    assert found.watts == pytest.approx(8.0, rel=0.02)  # the first samples still see 4 W
    assert found.millijoules_per_part == pytest.approx(80, rel=0.02)


def test_all_rails_together_where_none_is_the_input(tree):
    """Boards that measure each load and not the sum."""
    labels = {HWMON + "in1_label": "VDD_CPU", HWMON + "in2_label": "VDD_GPU"}
    meter = find_meter(tree({**JETSON, **labels}))
    meter.start(0)
    assert meter.joules(1_000_000_000) == pytest.approx(5.0)


def test_rapl_counts_packages_and_survives_a_wrap(tree):
    """The counter may begin again at zero in a run; parts of packages are not added."""
    root = tree(RAPL)
    meter = find_meter(root)
    assert isinstance(meter, RaplMeter)
    meter.start(0)
    tree({"sys/class/powercap/intel-rapl:0/energy_uj": "9001000"})
    meter.sample(1)
    tree({"sys/class/powercap/intel-rapl:0/energy_uj": "2001000"})
    assert meter.joules(2) == pytest.approx(12.0)
    meter.start(3)
    assert meter.joules(4) == 0


def test_a_machine_that_cannot_tell_has_no_meter(tree):
    """No sensor, or a counter without its range, is None, not zero."""
    assert find_meter(tree({})) is None
    broken = {key: text for key, text in RAPL.items() if not key.endswith("range_uj")}
    assert find_meter(tree(broken)) is None


def test_a_sensor_that_gives_out_gives_no_figure(tree):
    """Half a measurement is none."""
    clock, root = ManualClock(), tree(JETSON)
    meter = find_meter(root)

    def judge():
        (root / HWMON / "curr1_input").unlink(missing_ok=True)
        clock.advance(100_000_000)

    assert measure_energy(meter, clock, judge) is None
