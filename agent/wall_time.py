"""How a wall time is written: for rows, messages and people. It is a label, never a measure."""

from __future__ import annotations

from datetime import datetime, timezone


def iso_time(wall_ns: int) -> str:
    """Return a wall time as ISO 8601 in UTC with milliseconds."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}Z"
