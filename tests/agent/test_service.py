"""The service is built in one place, and closes what it opened."""

import threading

import pytest
from bundles import write_scripted

from agent.clock import SystemClock
from agent.config.document import parse_config
from agent.errors import AgentError, BrokerError, GateError, LedgerError, ModelError
from agent.ledger.store import open_ledger
from agent.notify import Notifier
from agent.service import Service


def config(tmp_path, **changes):
    """Return a configuration for a desk, changed by section."""
    (tmp_path / "pictures").mkdir(exist_ok=True)
    sections = {
        "camera": '[camera]\ndriver = "replay"\nfolder = "pictures"\n',
        "model": '[model]\nbundle = "m.lwb"\n',
        "gate": '[gate]\ndriver = "controller"\nport = "nowhere"\n',
        "ledger": '[ledger]\nfolder = "state/ledger"\n',
        "mqtt": "",
    }
    return parse_config("".join((sections | changes).values()), folder=tmp_path)


def ledger_is_free(tmp_path):
    """Open and close the ledger, which only one process may have."""
    open_ledger(tmp_path / "state" / "ledger", SystemClock()).close()
    return True


def test_a_gate_that_is_not_there_stops_the_start_and_frees_everything(tmp_path):
    """The error names the port, and the ledger can be opened again at once."""
    write_scripted(tmp_path / "m.lwb")
    service = Service(config(tmp_path), SystemClock(), Notifier(None))
    with pytest.raises(GateError, match="nowhere"):
        service.run(threading.Event())
    assert ledger_is_free(tmp_path)


# A relay sees no parts, and takes its time.
RELAY_LINE = """[trigger]
driver = "interval"
interval_ms = 1000
[timing]
delay_ms = 2000.0
min_pitch_ms = 900.0
command_ms = 40.0
"""


class Systemd(Notifier):
    """Keeps the last status; sets `stop` once it says what is waited for, or after 40 looks."""

    def __init__(self, words):
        super().__init__(None)
        self.stop, self.status = threading.Event(), ""
        self._words, self._looks = words, 0

    def alive(self, status):
        self.status, self._looks = status, self._looks + 1
        if self._words in status or self._looks > 40:
            self.stop.set()


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("nowhere", "plug the gate controller in"),
        ("/etc/hostname", "cannot be used as a serial port"),
        ("/dev/zero", "cannot be used as a serial port"),
    ],
)
@pytest.mark.parametrize("driver", ["controller", "modbus", "lcus", "line"])
def test_under_systemd_a_gate_that_cannot_be_opened_is_waited_for(tmp_path, driver, port, words):
    """Whatever is wrong with it: the agent is up, rejecting, and the status says what to do."""
    write_scripted(tmp_path / "m.lwb")
    gate = f'[gate]\ndriver = "{driver}"\nport = "{port}"\n'
    if driver != "controller":
        gate += RELAY_LINE
    systemd = Systemd(words)
    service = Service(config(tmp_path, gate=gate), SystemClock(), systemd, waits_for_gate=True)
    assert service.run(systemd.stop)
    assert systemd.status.startswith("no gate: ")
    assert words in systemd.status
    assert "until it is back" in systemd.status
    assert ledger_is_free(tmp_path)


def test_a_wrong_password_file_stops_the_start_and_frees_everything(tmp_path):
    """What cannot be built leaves nothing open."""
    write_scripted(tmp_path / "m.lwb")
    mqtt = '[mqtt]\nhost = "127.0.0.1"\npassword_file = "none"\n'
    with pytest.raises(BrokerError, match="none"):
        Service(config(tmp_path, mqtt=mqtt), SystemClock(), Notifier(None))
    assert ledger_is_free(tmp_path)


def test_a_bundle_that_is_none_stops_the_start_before_anything_is_opened(tmp_path):
    """A truncated bundle is a mistake to be said at once."""
    path = write_scripted(tmp_path / "m.lwb")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelError, match=r"m\.lwb.*copy it again"):
        Service(config(tmp_path), SystemClock(), Notifier(None))
    assert not (tmp_path / "state").exists()


def test_one_ledger_serves_one_agent(tmp_path):
    """A second agent on the same ledger is refused."""
    write_scripted(tmp_path / "m.lwb")
    folder = tmp_path / "state" / "ledger"
    folder.mkdir(parents=True)
    first = open_ledger(folder, SystemClock())
    try:
        with pytest.raises(LedgerError):
            Service(config(tmp_path), SystemClock(), Notifier(None))
    finally:
        first.close()


@pytest.mark.parametrize("place", ["m.lwb/x", "/proc/nothing/x"])
def test_a_ledger_folder_that_cannot_be_made_is_named(tmp_path, place):
    """One line with the folder."""
    write_scripted(tmp_path / "m.lwb")
    ledger = f'[ledger]\nfolder = "{place}"\n'
    with pytest.raises(AgentError, match=place.split("/", maxsplit=1)[0] or "proc"):
        Service(config(tmp_path, ledger=ledger), SystemClock(), Notifier(None))
