"""Damaged and hostile bytes at every parser, as many as the release asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from fuzz_targets import TARGETS, fuzz
from soak_piece import RunSlice

ROOT = Path(__file__).parents[2]


def run_target(name: str, first: int, count: int, seed: int) -> Counter:
    """Run so many trials of one target; libjpeg's complaints are left out."""
    with Path(os.devnull).open("w") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            return Counter(taken=fuzz(name, first, count, seed))
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def targets() -> dict[str, RunSlice]:
    """Return a runner for each target."""
    return {name: partial(run_target, name) for name in TARGETS}


def run_bundles(first: int, count: int, seed: int) -> Counter:
    """Let the mutants of signed bundles be refused; they are numbered from 0, so all at once."""
    del first, seed
    environment = {**os.environ, "LINEWARDEN_MUTANTS": str(count)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"]
    done = subprocess.run(
        [*command, "tests/bundle/test_mutants.py"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return Counter(mutants=count)
