"""`linewarden setup`: what it writes is what the agent can read."""

from __future__ import annotations

import io
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from agent.clock import SystemClock
from agent.config.document import parse_config
from agent.errors import ConfigError
from agent.setup.answers import Answers, BrokerAnswers, CameraAnswers, GateAnswers, read_answers
from agent.setup.command import setup
from agent.setup.delay import Delay, estimate
from agent.setup.devices import Found
from agent.setup.measure import KeyMarks, gate_to_measure_with, measure
from agent.setup.questions import Asker, ask_all
from agent.setup.writing import check, render, write

MS = 1_000_000
names = st.text(
    st.characters(codec="utf-8", exclude_characters="/+#", exclude_categories=("Cc", "Cs")),
    min_size=1,
    max_size=64,
)


@pytest.fixture
def run_setup():
    """Return a runner of the command."""
    import typer

    app = typer.Typer()
    app.command()(setup)

    def run(*words):
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


@given(
    names,
    st.floats(250, 600_000),
    st.floats(1, 20),
    st.floats(10, 240),
    st.booleans(),
)
def test_any_answers_give_a_configuration_that_the_agent_reads(name, delay, guard, rate, tls):
    """Names with quotes and umlauts, any camera rate, any delay: the text says what was meant."""
    answers = Answers(
        device=name,
        camera=CameraAnswers(device="/dev/linewarden/camera", frame_rate=rate),
        gate=GateAnswers(port='/dev/"odd"'),
        broker=BrokerAnswers(host="broker", username=name, password=True, tls=tls),
    )
    config = parse_config(render(answers, Delay(delay, guard, 1.0, 10)))
    assert config.station.device == name
    assert config.mqtt.username == name
    assert config.timing.delay_ms == delay
    assert config.camera.frame_rate == rate
    assert config.gate.port == '/dev/"odd"'
    assert bool(config.mqtt.ca_file) == tls
    assert config.timing.frame_within_ms >= 1000 / rate


def test_questions_become_answers():
    """A technician who takes the first camera and port, and knows the delay."""
    lines = ["plant", "hall", "l1", "c1", "pi-07", "1", "800", "600", "50", "1500", "2"]
    lines += ["n", "350", "", ""]
    asker = Asker(Console(file=io.StringIO()), io.StringIO("\n".join(lines) + "\n"))
    cameras = [Found("/dev/v4l/by-id/cam", "/dev/video0")]
    ports = [Found("/dev/serial/by-id/a", "/dev/ttyACM0"), Found("/dev/ttyUSB0", "/dev/ttyUSB0")]
    answers = ask_all(asker, cameras, ports, "raspberrypi")
    assert (answers.site, answers.device) == ("plant", "pi-07")
    assert answers.camera.device == "/dev/v4l/by-id/cam"
    assert (answers.camera.width, answers.camera.exposure_us) == (800, 1500)
    assert answers.gate.port == "/dev/ttyUSB0"
    assert answers.delay_ms == 350
    assert answers.broker.host == ""


def test_the_file_before_is_kept_and_owner_and_mode_stay(tmp_path):
    """The installer's owner and mode let the agent read it; the old text is not lost."""
    path = tmp_path / "agent.toml"
    path.write_text("# fresh\n", "utf-8")
    path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(path, 0, 4711)
    text = render(Answers(camera=CameraAnswers(device="x"), gate=GateAnswers(port="y")))
    assert write(text, path) == tmp_path / "agent.toml.before"
    assert (tmp_path / "agent.toml.before").read_text("utf-8") == "# fresh\n"
    assert path.read_text("utf-8") == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if os.getuid() == 0:
        assert path.stat().st_gid == 4711
    assert sorted(one.name for one in tmp_path.iterdir()) == ["agent.toml", "agent.toml.before"]


def test_a_configuration_that_the_agent_refuses_is_not_written(tmp_path):
    """A delay that leaves no time: the old file stays as it was."""
    path = tmp_path / "agent.toml"
    path.write_text("# fresh\n", "utf-8")
    text = render(Answers(camera=CameraAnswers(device="x"), gate=GateAnswers(port="y"), delay_ms=5))
    with pytest.raises(ConfigError, match="delay_ms"):
        write(text, path)
    assert path.read_text("utf-8") == "# fresh\n"
    assert [one.name for one in tmp_path.iterdir()] == ["agent.toml"]


def test_an_unknown_answer_is_refused_with_its_name(tmp_path):
    """A misspelt key of the answers is no silent default."""
    path = tmp_path / "answers.toml"
    path.write_text("delay = 3.0\n", "utf-8")
    with pytest.raises(ConfigError, match="delay"):
        read_answers(path)


class FirmHand:
    """Presses Enter 120 ms after each part, as long as parts come slower than that."""

    def __init__(self):
        self.due = []
        self.told = []

    def tell(self, text):
        """Learn of a part as the technician does, from the terminal."""
        self.told.append(text)
        if text.startswith("a part"):
            self.due.append(SystemClock().now_ns() + 120 * MS)

    def take(self, now_ns):
        """Return the marks that are due."""
        ripe = [at for at in self.due if at <= now_ns]
        self.due = [at for at in self.due if at > now_ns]
        return ripe


def test_ten_parts_on_a_simulated_gate_give_the_delay():
    """Triggers come over a pty from the controller's process; no part is let through."""
    answers = Answers(camera=CameraAnswers(driver="sim"), gate=GateAnswers(driver="sim"))
    text = render(answers) + "\n[belt]\nrate_per_s = 3.0\njitter = 0.0\n"
    config, clock, hand = parse_config(text), SystemClock(), FirmHand()
    gate = gate_to_measure_with(config, clock)
    taken = measure(gate, hand, 10, clock, hand.tell, patience_s=120)
    assert len(taken) == 10
    assert estimate(taken).delay_ms >= 120
    assert sum(text.startswith("part ") for text in hand.told) >= 10
    assert not any("can be passed" in text for text in hand.told)
    assert gate.pid is None


def test_a_belt_that_stands_still_ends_the_measurement():
    """It is told how many parts came, and the gate is let go."""
    answers = Answers(camera=CameraAnswers(driver="sim"), gate=GateAnswers(driver="sim"))
    text = render(answers) + f"\n[belt]\nstart_ns = {2**62}\n"
    clock = SystemClock()
    gate = gate_to_measure_with(parse_config(text), clock)
    with pytest.raises(ConfigError, match="0 of 10 parts"):
        measure(gate, FirmHand(), 10, clock, print, patience_s=0.2)
    assert gate.pid is None


def test_enter_is_a_mark_and_a_closed_terminal_an_error():
    """Lines that wait count at the call that finds them."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream:
        marks = KeyMarks(stream)
        assert marks.take(1) == ()
        os.write(writer, b"\n\n")
        assert marks.take(7) == [7, 7]
        os.close(writer)
        with pytest.raises(ConfigError, match="terminal is closed"):
            marks.take(8)


def test_answers_from_a_file_ask_nothing_and_write_everything(tmp_path, run_setup):
    """A still is saved, the file written and checked, the next steps named."""
    config, still = tmp_path / "agent.toml", tmp_path / "still.png"
    answers = tmp_path / "answers.toml"
    answers.write_text(
        f"device = 'pi-07'\ndelay_ms = 400.0\nstate = '{tmp_path}'\n"
        "[camera]\ndriver = 'sim'\n[gate]\ndriver = 'sim'\n",
        "utf-8",
    )
    said = run_setup("--config", config, "--answers", answers, "--still", still)
    assert check(config.read_text("utf-8"), config).station.device == "pi-07"
    assert still.stat().st_size > 1000
    assert "sharpness" in said
    assert said.index("linewarden trust --add") < said.index("linewarden flash")
    assert "systemctl restart linewarden" in said


def test_without_a_terminal_and_answers_it_says_what_it_needs(tmp_path, run_setup):
    """No prompt that nobody sees."""
    with pytest.raises(ConfigError, match="--answers"):
        run_setup("--config", tmp_path / "agent.toml")
