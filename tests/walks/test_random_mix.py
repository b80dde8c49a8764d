"""Everything at once, in an order that a seed chooses: all promises hold."""

import pytest
from live_line import RENDERED
from random_mix import RandomMix

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]


@pytest.mark.parametrize("seed", [1, 2])
def test_all_promises_hold_through_a_random_mix_of_faults(tmp_path, mosquitto, seed):
    """Row 66, short: kills, crashes, SIGTERM, pauses, a dead disk, a frozen broker, a bad cable."""
    counts = RandomMix(tmp_path, mosquitto, seed, parts=240).run()
    verdicts = {"PASS", "REJECT", "RECHECK", "UNINSPECTED"}
    assert sum(count for kind, count in counts.items() if kind in verdicts) == 240
    assert sum(count for kind, count in counts.items() if kind not in verdicts) >= 3
