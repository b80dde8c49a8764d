"""An agent that cannot start tells the plant so: against a real broker, also one that fails."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import DAY, NOW, Authority

from agent.clock import SystemClock
from agent.config.document import Config, Mqtt, read_config
from agent.errors import LedgerError
from agent.unconfigured import wait_for_start
from agent.waiting import WaitingPlant

pytestmark = pytest.mark.broker

STATUS = "linewarden/+/+/+/+/status"
WHY = "the ledger's disk is read-only"


class Looks:
    """What systemd is told at each look; `then` is done there."""

    def __init__(self, then: Callable[[], object]) -> None:
        self._then = then
        self.count = 0

    def ready(self, status: str) -> None:
        """Nothing depends on it here."""

    def alive(self, status: str) -> None:
        """Do it."""
        self.count += 1
        self._then()

    def stopping(self) -> None:
        """Nothing depends on it here."""


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of configurations for a broker of this machine."""

    def make(port: int, more: str = "", cell: str = "cell") -> Path:
        path = tmp_path / "agent.toml"
        path.write_text(
            f"[station]\ndevice = 'press-3'\ncell = '{cell}'\n[camera]\ndriver = 'sim'\n"
            "[model]\nbundle = 'model.lwb'\n[gate]\ndriver = 'sim'\n[ledger]\nfolder = 'state'\n"
            f"[mqtt]\nhost = '127.0.0.1'\nport = {port}\nkeepalive_s = 2\n{more}",
            "utf-8",
        )
        return path

    return make


@pytest.fixture
def plant() -> Iterator[WaitingPlant]:
    """Return one that speaks to the plant; closed afterwards, and no thread of it is left."""
    plant = WaitingPlant(SystemClock())
    yield plant
    plant.close(stopped=True)
    assert not threads()


@pytest.fixture
def tell(plant: WaitingPlant, wait_until: Callable[..., None]) -> Callable[..., None]:
    """Return what says the same at every look, as the waiting loop does, until it is heard."""

    def tell(config: Config | None, why: str, heard: Callable[[], object]) -> None:
        def told() -> object:
            plant.tell(config, why)
            return heard()

        wait_until(told)

    return tell


def threads() -> list[threading.Thread]:
    """Return the threads of this agent's connections."""
    return [one for one in threading.enumerate() if "linewarden-press-3" in one.name]


def test_the_plant_is_told_why_and_hears_no_good_bye_when_it_starts(
    mosquitto, subscribe, configure, wait_until, plant
) -> None:
    """Waiting, with the reason, retained and once; a start speaks for itself."""
    path = configure(mosquitto.port)
    heard = subscribe(mosquitto.port, STATUS)

    def start(config: Config) -> str:
        if not heard.bodies:
            raise LedgerError(WHY)
        return config.station.device

    looks = Looks(path.touch)  # so that it is tried at each look
    started = wait_for_start(path, start, looks, threading.Event(), every_s=0.01, plant=plant)
    assert started == "press-3"
    assert not threads()
    late = subscribe(mosquitto.port, STATUS)
    wait_until(lambda: late.bodies)
    assert late.messages[0].retain
    told = late.bodies[0]
    assert (told["status"], told["reason"], told["device"]) == (
        "waiting",
        "cannot_start",
        "press-3",
    )
    assert told["why"] == f"{WHY}; it is tried again"
    assert [one["status"] for one in heard.bodies] == ["waiting"]


def test_one_that_is_stopped_meanwhile_leaves_offline(
    mosquitto, subscribe, configure, wait_until, plant
) -> None:
    """A stop that was meant, as of an agent that runs."""
    path, stop = configure(mosquitto.port), threading.Event()
    heard = subscribe(mosquitto.port, STATUS)

    def start(_config: Config) -> str:
        raise LedgerError(WHY)

    looks = Looks(lambda: stop.set() if heard.bodies else None)
    assert wait_for_start(path, start, looks, stop, every_s=0.01, plant=plant) is None
    wait_until(lambda: len(heard.bodies) == 2)
    assert (heard.bodies[1]["status"], heard.bodies[1]["reason"]) == ("offline", "stopped")
    assert heard.bodies[1]["why"] == ""
    assert heard.bodies[1]["session"] == heard.bodies[0]["session"]


def test_another_reason_is_told_and_a_spoilt_file_too(
    mosquitto, subscribe, configure, tell
) -> None:
    """The newest reason stands on the topic; whoever was told before is told of the file."""
    config = read_config(configure(mosquitto.port))
    heard = subscribe(mosquitto.port, STATUS)
    whys = [WHY, "no room in the ledger", "timing.delay_msec: unknown key"]
    for number, why in enumerate(whys, 1):
        tell(config if number < 3 else None, why, lambda: len(heard.bodies) >= number)  # noqa: B023
    assert [one["why"] for one in heard.bodies] == whys
    assert {one["status"] for one in heard.bodies} == {"waiting"}


def test_a_station_that_was_renamed_is_offline_under_its_old_name(
    mosquitto, subscribe, configure, tell
) -> None:
    """Nothing waits for ever in a place that nobody speaks for any more."""
    heard = subscribe(mosquitto.port, STATUS)

    def last(cell: str) -> object:
        mine = [one for one in heard.messages if f"/{cell}/" in one.topic]
        return json.loads(mine[-1].payload)["status"] if mine else ""

    tell(read_config(configure(mosquitto.port, cell="old")), WHY, lambda: last("old"))
    new = read_config(configure(mosquitto.port, cell="new"))
    tell(new, WHY, lambda: last("new") == "waiting" and last("old") == "offline")


def test_without_a_broker_or_a_configuration_nothing_is_opened(configure, plant) -> None:
    """An agent that was never configured has no place in the plant."""
    plant.tell(None, WHY)
    silent = read_config(configure(1883))
    plant.tell(silent.model_copy(update={"mqtt": Mqtt()}), WHY)
    assert not threads()


def test_a_broker_that_dies_is_told_again_when_it_is_back(
    mosquitto, subscribe, configure, tell, wait_until
) -> None:
    """Also one that was away from the beginning."""
    config = read_config(configure(mosquitto.port))
    mosquitto.kill()
    for _ in range(2):
        mosquitto.restart()
        heard = subscribe(mosquitto.port, STATUS)
        tell(config, WHY, lambda: [one for one in heard.messages if not one.retain])  # noqa: B023
        mosquitto.kill()
        tell(config, WHY, lambda: not threads())


@pytest.mark.parametrize("broker", ["frozen", "deaf", "not there", "no secret"])
def test_no_failure_of_the_broker_keeps_it_from_trying_again(
    make_mosquitto, configure, plant, caplog, broker
) -> None:
    """The watchdog is fed at each look, the start is tried, and the fault is told in the log."""
    made = make_mosquitto()
    more = "password_file = '/nowhere/secret'" if broker == "no secret" else ""
    path, tries = configure(made.port, more), iter([LedgerError(WHY)] * 20)
    deaf = socket.socket()
    if broker == "frozen":
        made.freeze()
    elif broker != "no secret":
        made.kill()
    if broker == "deaf":
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deaf.bind(("127.0.0.1", made.port))
        deaf.listen()

    def start(config: Config) -> str:
        for error in tries:
            raise error
        return config.station.device

    looks = Looks(path.touch)
    with deaf:
        started = wait_for_start(path, start, looks, threading.Event(), every_s=0.02, plant=plant)
    assert started == "press-3"
    assert looks.count == 20
    told = [one for one in caplog.messages if "the plant is not told" in one]
    assert len(told) == {"not there": 1, "no secret": 1}.get(broker, 0)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("known", [True, False])
def test_it_speaks_to_a_broker_that_proves_its_name_only(
    make_mosquitto, configure, tell, tmp_path, caplog, known
) -> None:
    """The certificates are checked as ever: what keeps it from starting is nobody else's news."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    pair = (ours if known else other).server("127.0.0.1", NOW - DAY, NOW + DAY)
    broker = make_mosquitto("certfile {}\nkeyfile {}\n".format(*pair))
    config = read_config(configure(broker.port, f"ca_file = '{ours.path}'\n"))

    def heard() -> bool:
        log = (broker.folder / "mosquitto.log").read_text()
        return "Received PUBLISH from linewarden-press-3" in log

    def refused() -> bool:
        return any("certificate verify failed" in one for one in caplog.messages)

    tell(config, WHY, heard if known else refused)
    assert heard() is known
