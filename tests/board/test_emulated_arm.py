"""The package for aarch64 under user-mode emulation: the same pictures, the same answers.

`make board` makes the tree; it has the product's own arm64 package in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from arm_board import PROCESSORS, board_files
from emulated_board import ROOT

TREE = Path(os.environ.get("LINEWARDEN_ARM_TREE", str(ROOT / "out" / "board" / "arm")))
SCRIPT = ROOT / "tests" / "support" / "golden_outputs.py"
BUNDLES = sorted((ROOT / "examples").glob("*.lwb"))
# Said once a model by a runtime that has it; without it the kernels round otherwise.
XNNPACK = "Created TensorFlow Lite XNNPACK delegate"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not BUNDLES, reason="needs examples/*.lwb"),
    pytest.mark.skipif(
        not (TREE / "opt/linewarden/bin/python").is_symlink(), reason="needs scripts/arm_tree.sh"
    ),
]


@pytest.fixture(scope="session")
def here() -> dict:
    """Return what the bundles answer on this host."""
    words = [sys.executable, SCRIPT, *map(str, BUNDLES)]
    return _answers(words, {**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.fixture
def place():
    """Return a folder in the tree with the script and the bundles."""
    folder = TREE / "root" / "golden"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in (SCRIPT, *BUNDLES):
        shutil.copy(path, folder / path.name)
    yield folder
    shutil.rmtree(folder)


def _answers(words, env) -> dict:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    assert XNNPACK in done.stderr
    told = json.loads(done.stdout)
    return {"machine": told["machine"], **{Path(k).name: v for k, v in told["answers"].items()}}


@pytest.mark.parametrize("processor", PROCESSORS)
def test_an_arm_board_gives_the_same_answers(here, place, processor, figure):
    """By XNNPACK: pictures bit for bit, logits within one int8 step, the bundle's tolerance."""
    from bundle.archive import open_archive

    inside = [f"/root/golden/{path.name}" for path in (SCRIPT, *BUNDLES)]
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "QEMU_CPU": processor, "LANG": "C.UTF-8"}
    with board_files(TREE, processor):
        there = _answers(["chroot", str(TREE), "/opt/linewarden/bin/python", *inside], env)
    assert (here["machine"], there["machine"]) == ("x86_64", "aarch64")
    furthest = 0.0
    for path in BUNDLES:
        step = open_archive(path).manifest.golden_tolerance
        for ours, theirs in zip(here[path.name], there[path.name], strict=True):
            assert ours["picture"] == theirs["picture"]
            apart = [abs(a - b) for a, b in zip(ours["outputs"], theirs["outputs"], strict=True)]
            furthest = max(furthest, *(each / step for each in apart))
    figure(f"arm_{processor}_steps_apart", round(furthest, 3))
    assert furthest <= 1.0


def test_the_package_says_on_arm_what_is_next():
    """The commands start on aarch64."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    words = ["chroot", str(TREE), "/usr/bin/linewarden", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "setup" in done.stdout
