"""MemoryDenyWriteExecute= stands in the unit because the model computes the same under it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUARD = ROOT / "tests/support/memory_guard.py"
BUNDLE = ROOT / "examples/rendered-mobilenet_v2-int8.lwb"


def _judge(mode):
    done = subprocess.run(
        [sys.executable, str(GUARD), str(BUNDLE), mode],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "no seccomp here" in done.stderr:
        pytest.skip("this kernel has no seccomp filters")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="other call numbers")
def test_the_model_computes_the_same_without_writable_code():
    """LiteRT with XNNPACK needs no memory that is both written and executed."""
    guarded, free = _judge("guarded"), _judge("free")
    assert guarded["refused"]
    assert not free["refused"]
    assert guarded["scores"] == free["scores"]
