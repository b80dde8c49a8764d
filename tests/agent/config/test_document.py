"""The configuration: strict, with errors that name key, value and bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.document import Config, options, parse_config, read_config
from agent.config.faults import MOST_FAULTS, UNIONS
from agent.drivers import CAMERAS, GATES, RELAYS, TRIGGERS
from agent.errors import ConfigError

GOOD = """
[camera]
driver = "sim"
[model]
bundle = "model.lwb"
[gate]
driver = "controller"
port = "/dev/ttyACM0"
[ledger]
folder = "state"
"""


def test_the_smallest_configuration_is_enough():
    """Only camera, model, gate and ledger must be named; the rest has defaults."""
    config = parse_config(GOOD)
    assert config.timing.delay_ms == 400
    assert not config.mqtt.host
    assert (config.metrics.port, config.metrics.address) == (0, "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[timing]\ndelay_s = 3\n", r"unknown key timing\.delay_s; did you mean timing\.delay_ms"),
        ("[timing]\ndelay = 3\n", r"did you mean timing\.delay_ms"),
        ("[mqqt]\nhost = 'x'\n", "did you mean mqtt"),
        ("[timing]\ndelay_ms = '300ms'\n", r"timing\.delay_ms.*number.*'300ms'"),
        ("[timing]\ndelay_ms = -3\n", r"timing\.delay_ms.*greater than 0.*-3"),
        ("[timing]\ndelay_ms = nan\n", r"timing\.delay_ms.*finite"),
        ("[timing]\ndelay_ms = 40\n", "move the gate further away"),
        ("[timing]\ndelay_ms = 0.4\n", "are these seconds"),
        ("[[timing]]\ndelay_ms = 400\n", r"timing: it must be a section: write \[timing\], once"),
        ("[belt]\nseed = 99999999999999999999\n", r"belt\.seed.*less than"),
        ("[timing]\nmin_pitch_ms = 15.5\nframe_within_ms = 5\n", "two parts could meet"),
        ("[timing]\nframe_within_ms = 20\n", "could show the next part"),
        ("[engine]\nthreads = 0\n", r"engine\.threads.*0"),
        ("[engine]\nthreads = 2.5\n", r"engine\.threads.*integer"),
        ("[engine]\nthreads = true\n", r"engine\.threads"),
        ("[mqtt]\nport = 70000\n", r"mqtt\.port.*65535.*70000"),
        ("[station]\nline = 'a/b'\n", r"station\.line"),
        ("[belt]\njitter = 1.0\n", r"belt\.jitter.*less than 1"),
        ("[timing]\nmin_pitch_ms = 20\n", "would count as one"),
        ("[metrics]\nport = 70000\n", r"metrics\.port.*65535.*70000"),
        ("[metrics]\naddress = 'localhost'\n", r"metrics\.address: no IPv4.*'localhost'"),
        ('[belt]\n"a\\nb\\u001b" = 1\n', r"unknown key belt\.a\\nb\\x1b"),
        ("[metrics]\nadress = '127.0.0.1'\n", r"did you mean metrics\.address"),
        ("x = [", "not valid TOML"),
    ],
)
def test_a_fault_is_one_line_with_key_value_and_bound(text, says):
    """Unknown keys, wrong units, wrong types and values out of range are said in one line."""
    good = GOOD.replace("[ledger]", "debounce_ms = 30\n[ledger]") if "as one" in says else GOOD
    with pytest.raises(ConfigError, match=says) as caught:
        parse_config(good + text)
    assert "\n" not in str(caught.value)


def faults_of(text):
    """Return all that is said of a configuration, a line each."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return [str(caught.value), *caught.value.others]


def test_all_faults_of_a_file_are_said_at_once():
    """Each with its key in a line of its own, an unknown key before what it leaves missing."""
    wrong = GOOD.replace("port", "prot") + "[timing]\ndelay_ms = -1\nguard_ms = '8'\n"
    said = faults_of(wrong + "[mqtt]\nport = 99999\n[metrics]\nport = nan\n")
    keys = ["gate.prot", "timing.delay_ms", "timing.guard_ms", "mqtt.port", "metrics.port"]
    assert len(said) == len(keys), said
    assert all(key in line for key, line in zip(keys, said, strict=True)), said
    assert not [line for line in said if "gate.port is missing" in line or "\n" in line]


def test_a_section_says_all_its_contradictions():
    """Three of the times do not go together: three lines."""
    said = faults_of(GOOD + "[timing]\ndelay_ms = 30\nmin_pitch_ms = 10\n")
    assert len(said) == 3, said
    assert all("timing: " in line for line in said)


def test_all_contradictions_between_sections_are_said():
    """A trigger beside a photo-eye, a debounce and a second photo-eye wider than the pitch."""
    gate = 'debounce_ms = 30\nsecond_eye = "bin"\nsecond_eye_ms = 600\nsecond_eye_guard_ms = 20\n'
    said = faults_of(
        GOOD.replace("[ledger]", f"{gate}[ledger]") + '[trigger]\ndriver = "command"\npipe = "p"\n'
    )
    assert [line.split()[0] for line in said[1:]] == [
        "gate.debounce_ms",
        "gate.second_eye_guard_ms",
    ]
    assert "section [trigger]: this gate has a photo-eye of its own" in said[0]


def test_a_fault_between_sections_hides_none_within_them():
    """An encoder at a gate that has none, and a port that is none."""
    sim = GOOD.replace('"controller"\nport = "/dev/ttyACM0"', '"sim"\ndelay_ticks = 400')
    said = faults_of(sim + "[mqtt]\nport = 99999\n")
    assert len(said) == 2, said
    assert "gate.delay_ticks needs gate.driver controller" in said[0]
    assert said[1].startswith("mqtt.port")


def test_what_nobody_mends_at_once_is_counted():
    """A file for another program has more faults than anybody reads."""
    said = faults_of(GOOD + "[timing]\n" + "".join(f"x{n} = 1\n" for n in range(30)))
    assert len(said) == MOST_FAULTS + 1
    assert said[-1] == f"and {30 - MOST_FAULTS} more faults"


def test_a_value_without_end_is_cut_short():
    """Of a file that was damaged a line is shown as far as a person reads it."""
    with pytest.raises(ConfigError, match=r"timing\.min_pitch_ms.*xxx…") as caught:
        parse_config(GOOD + f'[timing]\nmin_pitch_ms = "{"x" * 5000}"\n')
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('driver = "sim"', 'driver = "simm"', "'replay'.*'sim'"),
        ('driver = "sim"', 'driver = "sim"\ndeckk = 3', r"camera\.deckk.*camera\.deck"),
        ('driver = "sim"', "", r"camera\.driver is missing: it is one of 'replay', 'sim'"),
        ("[ledger]", "[trigger]\n[ledger]", r"trigger\.driver is missing.*'interval', 'command'"),
        ("[ledger]", '[trigger]\ndriver = "fax"\n[ledger]', r"'fax' is none of ours.*'presence'"),
        (
            'driver = "sim"',
            'driver = "sim"\nexposure_us = 300',
            r"camera\.exposure_us is a key of the driver v4l2, not of sim: take it out",
        ),
        (
            'driver = "sim"',
            'driver = "sim"\nwidth = 300',
            r"camera\.width is a key of the drivers v4l2 and pipe, not of sim",
        ),
        ('port = "/dev/ttyACM0"', "", r"gate\.port is missing"),
        ('[model]\nbundle = "model.lwb"', "", "model is missing"),
    ],
)
def test_a_wrong_driver_section_says_what_there_is(old, new, says):
    """Driver names and their keys are checked like everything else."""
    with pytest.raises(ConfigError, match=says):
        parse_config(GOOD.replace(old, new))


def test_the_drivers_that_are_named_are_those_there_are():
    """A section without a driver is answered with every driver that can be chosen."""
    relays = {*RELAYS, *GATES}
    assert {name: set(drivers) for name, drivers in UNIONS.items()} == {
        "camera": set(CAMERAS), "gate": relays, "trigger": set(TRIGGERS),
    }  # fmt: skip


def test_relative_paths_start_at_the_file(tmp_path):
    """A configuration can be moved together with what it names."""
    path = tmp_path / "agent.toml"
    path.write_text(GOOD + "[mqtt]\nca_file = 'ca.pem'\n")
    config = read_config(path)
    assert config.model.bundle == str(tmp_path / "model.lwb")
    assert config.ledger.folder == str(tmp_path / "state")
    assert config.mqtt.ca_file == str(tmp_path / "ca.pem")
    assert not config.mqtt.password_file


def test_absolute_paths_stay(tmp_path):
    """An absolute path is taken as it is."""
    path = tmp_path / "agent.toml"
    path.write_text(GOOD.replace('"state"', '"/var/lib/linewarden"'))
    assert read_config(path).ledger.folder == "/var/lib/linewarden"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * 300_000])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content):
    """A missing, binary or huge file raises ConfigError naming it."""
    path = tmp_path / "agent.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"agent\.toml"):
        read_config(path)


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_a_config_error(text):
    """No input brings out another error."""
    try:
        parse_config(text)
    except ConfigError:
        return


def test_every_option_has_a_sentence():
    """Each option explains itself, so that help and documentation can be made from it."""
    rows = options()
    assert len(rows) > 40
    assert all(sentence.endswith((".", ")")) for *_, sentence in rows)
    assert {key.split(".")[0] for key, *_ in rows} == set(Config.model_fields)
