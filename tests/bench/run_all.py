"""Run every benchmark of this folder, short; `--full` takes the sizes of a release."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHORT = {
    "bench_virtual_line.py": ["--parts", "100000"],
    "bench_line.py": ["--seconds", "60"],
    "bench_swap.py": ["--rounds", "4"],
}
FULL = {
    "bench_virtual_line.py": ["--parts", "1000000"],
    "bench_line.py": ["--seconds", "600"],
    "bench_load.py": ["--seconds", "600"],
    "bench_outage.py": ["--rows", "864000"],
}


def main() -> None:
    """Run them one after the other; the exit code is that of the first that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    sizes = FULL if parser.parse_args().full else SHORT
    bundles = sorted((HERE.parents[1] / "examples").glob("*.lwb"))
    for bundle in bundles:
        command = [sys.executable, "-m", "linewarden", "bench", "--bundle", str(bundle)]
        subprocess.run(command, cwd=HERE.parents[1], check=True)
    for script in sorted(HERE.glob("bench_*.py")):
        subprocess.run([sys.executable, str(script), *sizes.get(script.name, [])], check=True)


if __name__ == "__main__":
    main()
