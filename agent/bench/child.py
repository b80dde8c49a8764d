"""The environment of the child processes which measure in a fresh interpreter."""

from __future__ import annotations

import os
import sys


def child_environment() -> dict[str, str]:
    """Return our environment, with our packages where a child finds them too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
