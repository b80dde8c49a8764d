"""The agent as a process between a belt, a gate on a pty and a broker, through crashes."""

import json
import resource
import subprocess
import threading

import paho.mqtt.client as mqtt
import pytest
from live_line import LINEWARDEN, RENDERED, ROOT, LiveLine, wait_until
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]


class Plant:
    """A subscriber that remembers every result, in order of arrival."""

    def __init__(self, port):
        self.results = []
        self.lock = threading.Lock()
        self.subscribed = threading.Event()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="plant", protocol=mqtt.MQTTv5
        )
        self.client.on_connect = lambda client, *_: client.subscribe("linewarden/#", qos=1)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._take
        self.client.reconnect_delay_set(1, 1)
        # The broker keeps the session, so nothing is missed between its start and ours.
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self.client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self.client.loop_start()
        assert self.subscribed.wait(30)

    def _take(self, _client, _data, message):
        if message.topic.endswith("/result"):
            with self.lock:
                self.results.append(json.loads(message.payload))

    def ids(self):
        """Return the ids that arrived, repeats included."""
        with self.lock:
            return [result["id"] for result in self.results]

    def numbers(self):
        """Return the sequence numbers that arrived."""
        with self.lock:
            return {result["seq"] for result in self.results}

    def stop(self):
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()


def told(line):
    """Return the numbers of the results that the agent takes for delivered."""
    return {row["seq"] for row in line.rows() if row["published"]}


def test_every_part_is_judged_gated_and_told_to_the_plant(tmp_path, mosquitto):
    """From photo-eye to subscriber: one row, one result, the right gate for each part."""
    plant = Plant(mosquitto.port)
    with LiveLine(tmp_path, parts=60, mqtt_port=mosquitto.port) as line:
        line.start_gate()
        line.start_agent()
        line.wait_for_belt()
        wait_until(lambda: len(set(plant.ids())) >= 60, "all results at the plant")
        assert line.stop_agent() == 0
        counts = line.balanced()
    plant.stop()
    assert sum(counts.values()) == 60
    assert counts["PASS"] > 10
    assert counts.get("REJECT", 0) + counts.get("RECHECK", 0) > 5
    ids = plant.ids()
    assert len(set(ids)) == 60
    assert [result["seq"] for result in plant.results] == sorted(
        result["seq"] for result in plant.results
    )


def test_kill_9_in_mid_run_loses_and_doubles_nothing(tmp_path):
    """Killed twice among moving parts: every part has one row, none passed uninspected."""
    with LiveLine(tmp_path, parts=160) as line:
        line.start_gate()
        line.start_agent()
        for kill_at in (30, 70):
            wait_until(lambda at=kill_at: len(line.met()) >= at, f"part {kill_at}")
            line.kill_agent()
            line.start_agent(ready=False)
        line.wait_for_belt()
        wait_until(lambda: len(line.rows()) >= 160, "all rows")
        assert line.stop_agent() == 0
        counts = line.balanced()
        rows = line.rows()
    assert sum(counts.values()) == 160
    assert counts["UNINSPECTED"] >= 2
    assert {row["reason"] for row in rows if row["verdict"] == "UNINSPECTED"} <= {
        "restart", "not_ready", "gate", "late", "no_frame", "camera_lost", "overload",
    }  # fmt: skip
    assert len({row["seq"] for row in rows}) == len(rows)


def test_a_broker_killed_in_the_middle_loses_no_result(tmp_path, mosquitto):
    """The line runs on; afterwards every result has arrived, repeats with the same id."""
    plant = Plant(mosquitto.port)
    with LiveLine(tmp_path, parts=120, mqtt_port=mosquitto.port) as line:
        line.start_gate()
        line.start_agent()
        wait_until(lambda: len(plant.ids()) >= 15, "the first results")
        mosquitto.save()
        mosquitto.freeze()
        # What it acknowledged it has also forwarded, but a dying socket may lose that.
        wait_until(lambda: told(line) <= plant.numbers(), "what the broker acknowledged")
        mosquitto.kill()
        wait_until(lambda: len(line.met()) >= 80, "parts without a broker")
        mosquitto.start()
        line.wait_for_belt()
        wait_until(lambda: len(set(plant.ids())) >= 120, "all results at the plant")
        assert line.stop_agent() == 0
        counts = line.balanced()
        by_seq = {row["seq"] for row in line.rows()}
    plant.stop()
    assert sum(counts.values()) == 120
    assert counts["PASS"] > 10
    assert {result["seq"] for result in plant.results} == by_seq


def test_without_a_broker_the_line_runs_and_results_wait(tmp_path):
    """A broker that is not there costs nothing but a backlog."""
    with LiveLine(tmp_path, parts=40, mqtt_port=1) as line:
        line.start_gate()
        line.start_agent()
        line.wait_for_belt()
        assert line.stop_agent() == 0
        counts = line.balanced()
        assert all(row["published"] == 0 for row in line.rows())
    assert counts["PASS"] > 10


def test_a_noisy_serial_line_passes_no_wrong_part(tmp_path):
    """With frames dropped, corrupted, repeated and delayed the record still agrees."""
    with LiveLine(tmp_path, parts=150) as line:
        line.start_gate("--drop", "0.05", "--corrupt", "0.05", "--repeat", "0.05",
                        "--delay", "0.05")  # fmt: skip
        line.start_agent()
        line.wait_for_belt()
        wait_until(lambda: len(line.rows()) >= 150, "all rows")
        assert line.stop_agent() == 0
        counts = line.balanced()
    assert counts["PASS"] > 10


def test_sigterm_finishes_the_parts_on_the_belt(tmp_path):
    """Parts between camera and gate get their verdicts and outcomes before the agent ends."""
    with LiveLine(tmp_path, parts=1000) as line:
        line.start_gate()
        line.start_agent()
        wait_until(lambda: len(line.met()) >= 20, "some parts")
        assert line.stop_agent() == 0
        rows = line.rows()
    assert all(row["outcome"] for row in rows)
    assert all(row["reason"] != "pending" for row in rows)
    assert sum(row["outcome"] == "passed" for row in rows) > 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("bundle = ", "bundel = "), "did you mean model.bundle"),
        (('port = "', 'port = "/nowhere'), "/nowhere"),
        ((".lwb", ".none"), ".none"),
        (('folder = "ledger"', 'folder = "/proc/nothing"'), "/proc/nothing"),
    ],
)
def test_a_wrong_start_is_one_line_and_exit_code_1(tmp_path, change, says):
    """Unknown keys, a missing port, bundle or folder: one line that says what, exit code 1."""
    with LiveLine(tmp_path, parts=1) as line:
        line.start_gate()
        line.config.write_text(line.config.read_text().replace(*change))
        done = subprocess.run(
            [*LINEWARDEN, "run", "--config", str(line.config)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    ours = [text for text in done.stderr.splitlines() if text.startswith("linewarden: ")]
    assert len(ours) == 1, done.stderr
    assert says in ours[0]
    assert "Traceback" not in done.stderr


def test_a_disk_that_takes_nothing_rejects_and_recovers(tmp_path):
    """No part passes without its row; once the disk works the line passes parts again."""
    with LiveLine(tmp_path, parts=240) as line:
        line.start_gate()
        agent = line.start_agent()
        wait_until(lambda: len(line.met()) >= 40, "parts before the fault")
        # From here on every write to a file fails, as on a full or dying disk.
        _, hard = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (0, hard))
        wait_until(lambda: any("fault=disk" in text for text in line.log), "the fault")
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (hard, hard))
        line.wait_for_belt()
        wait_until(lambda: len(line.rows()) >= 240, "all rows")
        assert line.stop_agent() == 0
        counts = line.balanced()
        reasons = {row["reason"] for row in line.rows()}
    assert counts["PASS"] > 20
    assert counts["UNINSPECTED"] >= 1
    assert reasons & {"disk", "late"}
