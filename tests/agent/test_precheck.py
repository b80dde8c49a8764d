"""What would keep a valid configuration from running is said before the line starts."""

import os
import pty

import pytest
from bundles import write_scripted

from agent.config.document import parse_config
from agent.precheck import find_faults


def config(tmp_path, **changes):
    """Return a configuration that is fine but for the changes."""
    values = {
        "camera": '[camera]\ndriver = "replay"\nfolder = "pictures"\n',
        "model": '[model]\nbundle = "m.lwb"\n',
        "gate": '[gate]\ndriver = "sim"\n',
        "ledger": '[ledger]\nfolder = "state"\n',
        "mqtt": "",
    }
    (tmp_path / "pictures").mkdir(exist_ok=True)
    write_scripted(tmp_path / "m.lwb")
    return parse_config("".join((values | changes).values()), folder=tmp_path)


def test_a_configuration_that_can_run_has_no_faults(tmp_path):
    """Nothing is said where nothing is wrong."""
    assert find_faults(config(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"camera": '[camera]\ndriver = "replay"\nfolder = "no"\n'}, "camera.folder"),
        ({"model": '[model]\nbundle = "none.lwb"\n'}, "model.bundle"),
        ({"model": '[model]\nbundle = "m.lwb"\ntrust = "none"\n'}, "trust folder"),
        ({"model": '[model]\nbundle = "m.lwb"\ntrust = "pictures"\n'}, "is not signed"),
        ({"model": '[model]\nslots = "none"\n'}, "linewarden flash FILE"),
        ({"ledger": '[ledger]\nfolder = "m.lwb/x"\n'}, "ledger.folder"),
        ({"ledger": '[ledger]\nfolder = "/proc/x"\n'}, "ledger.folder"),
        ({"gate": '[gate]\ndriver = "controller"\nport = "/dev/none"\n'}, "by-id"),
        ({"gate": '[gate]\ndriver = "controller"\nport = "/etc/passwd"\n'}, "no serial port"),
        ({"mqtt": '[mqtt]\npassword_file = "none"\n'}, "mqtt.password_file"),
        ({"camera": '[camera]\ndriver = "sim"\n'}, "300x300"),
    ],
)
def test_each_fault_is_one_sentence_with_its_key(tmp_path, changes, says):
    """Folder, bundle, ledger, port and secrets are looked at."""
    faults = find_faults(config(tmp_path, **changes))
    assert len(faults) == 1, faults
    assert says in faults[0]
    assert "\n" not in faults[0]


def test_a_gate_that_fails_open_is_said_to(tmp_path):
    """energise_to_reject lets parts through without power: that is a fault until accepted."""
    master, slave = pty.openpty()
    try:
        port = os.ttyname(slave)
        gate = f'[gate]\ndriver = "controller"\nport = "{port}"\nwiring = "energise_to_reject"\n'
        (fault,) = find_faults(config(tmp_path, gate=gate))
    finally:
        os.close(master)
        os.close(slave)
    assert "lets parts through" in fault
