"""What is wrong with a configuration, in one line for a technician."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import ValidationError

# Sections with a class for each driver; keys of their own are never called like one.
_UNIONS = frozenset({"camera", "gate", "trigger"})
_CAMERAS = ("replay", "sim", "v4l2", "pipe")
_GATES = ("controller", "modbus", "lcus", "line")
_TRIGGERS = ("interval", "command", "presence")
_DRIVERS = frozenset((*_CAMERAS, *_GATES, *_TRIGGERS))


def first_fault(error: ValidationError, known: Sequence[str]) -> str:
    """Return the fault that says most, as one line with key, value and bound.

    An unknown key comes with the one of the `known` that is most like it.
    """
    faults = error.errors(include_url=False)
    # A misspelt key is unknown and its right name missing: the first says more.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    # The name of the chosen driver stands in the place of a union's fault: it is no key.
    place = [str(step) for step in fault["loc"]]
    if place and place[0] in _UNIONS and place[1:2] and place[1] in _DRIVERS:
        del place[1]
    key = ".".join(place) or "the file"
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key}{_nearest(place, known)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    shown = fault["input"] if isinstance(fault["input"], (str, int, float, bool)) else None
    return f"{key}: {message}" + (f" (it is {shown!r})" if shown is not None else "")


def _nearest(place: list[str], known: Sequence[str]) -> str:
    """Name the known key that is most like an unknown one."""
    close = difflib.get_close_matches(".".join(place), known, n=1, cutoff=0.5)
    if not close:
        last = {key.split(".")[-1]: key for key in known}
        close = [last[name] for name in difflib.get_close_matches(place[-1], last, n=1)]
    return f"; did you mean {close[0]}?" if close else ""
