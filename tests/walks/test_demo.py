"""The demo as a user starts it: one command, a line that ends by itself, a summary."""

import json
import os
import signal
import subprocess

import pytest
from live_line import LINEWARDEN, RENDERED, ROOT, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]


def demo(*arguments, **options):
    """Run the demo to its end."""
    return subprocess.run(
        [*LINEWARDEN, "demo", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False, **options,
    )  # fmt: skip


def test_the_demo_ends_by_itself_with_its_promises_kept(tmp_path):
    """Drawn parts, real model and gate: the balance holds and no gate opened for a wrong part."""
    picture, kept = tmp_path / "demo.svg", tmp_path / "kept"
    done = demo("--parts", "60", "--rate", "20", "--json", "--picture", str(picture),
                "--keep", str(kept))  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["kept_promises"]
    assert summary["parts"] == sum(summary["verdicts"].values()) == 60
    assert summary["wrong_part_gates"] == 0
    assert summary["passed"] + summary["diverted"] == 60
    assert summary["defective"] + summary["good"] == 60
    assert summary["results"] == 60
    assert "<svg" in picture.read_text()
    assert "@font-face" not in picture.read_text()
    assert {path.name for path in kept.iterdir()} >= {"agent.toml", "belt.jsonl", "ledger"}


def test_without_a_terminal_it_prints_plain_lines():
    """Nothing but readable lines reaches a log: no escape codes."""
    done = demo("--parts", "20", "--rate", "20")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "balance          20 parts = " in done.stdout
    assert "0 wrong-part gates" in done.stdout


def test_ctrl_c_ends_it_cleanly(tmp_path):
    """Ctrl-C gives the summary of what was, and leaves no process or folder behind."""
    process = subprocess.Popen(
        [*LINEWARDEN, "demo", "--parts", "5000", "--keep", str(tmp_path / "kept")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    record = tmp_path / "kept" / "belt.jsonl"
    wait_until(lambda: record.exists() and record.read_text().count("belt_part") > 5, "parts")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody in the group
    out, err = process.communicate(timeout=60)
    assert "0 wrong-part gates" in out, err
    assert "IS NOT" not in out
    assert process.returncode == 0, out
    assert "Traceback" not in err
    left = subprocess.run(
        ["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert not left.stdout.split()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--data", "/nowhere"], 1, "/nowhere"),
        (["--bundle", "/nowhere.lwb"], 1, "/nowhere.lwb"),
        (["--parts", "0"], 2, "parts"),
        (["--rate", "x"], 2, "rate"),
        (["--what"], 2, "--what"),
    ],
)
def test_wrong_use_is_said_in_words(arguments, code, says):
    """Exit code 1 for what failed, 2 for wrong use, never a traceback."""
    done = demo(*arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_of_pictures_is_one_line(tmp_path):
    """There must be something to replay."""
    done = demo("--data", str(tmp_path), "--bundle", str(RENDERED))
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert str(tmp_path) in done.stderr
