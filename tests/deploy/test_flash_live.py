"""Flashing the real agent while its line runs: nothing stops, and every step is its own word."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
from flash_rig import OFFICE, ROOT, environment

from bundle.archive import open_archive, sign_archive, write_archive
from bundle.judging import read_judging

LINE = """
[camera]
driver = "sim"
frame_rate = 60.0
deck = 8
[belt]
rate_per_s = 5.0
[model]
slots = "slots"
trust = "trust"
[probation]
parts = 100000
max_uninspected_share = 1.0
[timing]
delay_ms = 1500.0
[gate]
driver = "sim"
[ledger]
folder = "ledger"
"""


@pytest.fixture
def releases(device):
    """Return the files of three releases of the example's model, signed by the office."""
    archive = open_archive(ROOT / "examples" / "rendered-mobilenet_v2-int8.lwb")
    paths = []
    for release in (1, 2, 3):
        path = device.folder / f"{release}.lwb"
        fields = {"release": release, "version": f"9.{release}", "entries": {}}
        write_archive(path, archive.manifest.model_copy(update=fields), archive.contents)
        path.write_bytes(sign_archive(path.read_bytes(), OFFICE))
        paths.append(path)
    return paths


@contextmanager
def running(device, wait_until):
    """Run the real agent on a simulated line, until it is ended properly."""
    device.config.write_text(LINE)
    code = "import linewarden; linewarden.main()"
    log = device.folder / "agent.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "run", "--config", str(device.config)],
            stdout=file, stderr=file, env=environment(), cwd=device.folder,
        )  # fmt: skip
    try:
        wait_until(lambda: reports(device, process.pid), 60)
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()


def reports(device, pid):
    """Tell whether the agent of this process number has looked at the slots."""
    found = read_judging(device.slots)
    return found is not None and found.pid == pid


@pytest.fixture
def line(device, wait_until):
    """Start the real agent, without a model."""
    with running(device, wait_until) as process:
        yield process


@pytest.mark.slow
def test_a_running_line_is_flashed_shadowed_confirmed_and_taken_back(line, device, releases):
    """The same process judges from the first model to the last, and says which one."""
    first, second, _ = releases
    code, out, err = device.run("flash", first)
    assert (code, err) == (0, ""), out
    assert "the agent judges with it" in out
    assert device.run("confirm")[0] == 0
    code, out, err = device.run("flash", second, "--shadow", "--json")
    assert (code, err) == (0, ""), out
    assert json.loads(out)["agent"] == "shadow"
    report = json.loads(device.run("status", "--json")[1])
    assert report["agent"]["title"].endswith("-9.1")
    assert report["agent"]["shadow"]["title"].endswith("-9.2")
    code, out, err = device.run("flash", "shadow", "--json")
    assert (code, err) == (0, ""), out
    assert json.loads(out)["agent"] == "judges"
    code, out, err = device.run("rollback", "--json")
    assert (code, err) == (0, ""), out
    gone = json.loads(out)
    assert gone["title"].endswith("-9.1")
    assert gone["agent"] == "judges"
    assert read_judging(device.slots).pid == line.pid


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_is_done_while_the_agent_is_stopped_reaches_its_audit_chain(
    device, wait_until, releases
):
    """Everybody who flashed, confirmed or went back is named, once, in the order of their deeds."""
    first, second, third = releases
    device.config.write_text(LINE)

    def told():
        lines = (device.folder / "ledger/audit.jsonl").read_text().splitlines()
        rows = [json.loads(line)["row"] for line in lines]
        return [(row["deed"], row["text"].split("; by ")[1].split(" (")[0])
                for row in rows if "; by " in row["text"]]  # fmt: skip

    def do(*command):
        code, out, err = device.run(*command)
        assert code == 0, out + err

    do("flash", first, "--by", "Anna")
    do("confirm", "--by", "Bert")
    with running(device, wait_until):
        pass
    before = [("flashed", "Anna"), ("confirmed", "Bert")]
    assert told() == before
    do("flash", second, "--by", "Carla")
    do("confirm", "--by", "Dora")
    do("flash", third, "--by", "Emil")
    do("rollback", "--by", "Fritz")
    for _ in range(2):
        with running(device, wait_until):
            pass
        assert told() == [
            *before, ("flashed", "Carla"), ("confirmed", "Dora"), ("flashed", "Emil"),
            ("rolled_back", "Fritz"),
        ]  # fmt: skip
