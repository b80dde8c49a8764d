"""What is wrong with a configuration, in one line for a technician."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError

# Sections with a class for each driver; keys of their own are never called like one.
UNIONS = {
    "camera": ("replay", "sim", "v4l2", "pipe"),
    "gate": ("controller", "sim", "modbus", "lcus", "line"),
    "trigger": ("interval", "command", "presence"),
}
# What pydantic says of a section without a driver, and of one with a driver that is not there.
_NO_DRIVER = ("union_tag_not_found", "union_tag_invalid")
_LONGEST = 120
_NO_DRIVERS: Mapping[str, Sequence[str]] = MappingProxyType({})


def first_fault(
    error: ValidationError,
    known: Sequence[str],
    drivers: Mapping[str, Sequence[str]] = _NO_DRIVERS,
) -> str:
    """Return the fault that says most, as one line with key, value and bound.

    An unknown key comes with the one of the `known` that is most like it, or with the `drivers`
    whose key it is where another is chosen.
    """
    faults = error.errors(include_url=False)
    # A misspelt key is unknown and its right name missing: the first says more.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    # The name of the chosen driver stands in the place of a union's fault: it is no key.
    place, chosen = [str(step) for step in fault["loc"]], ""
    if place[1:2] and place[1] in UNIONS.get(place[0], ()):
        chosen = place.pop(1)
    key = _short(".".join(place)) or "the file"
    if fault["type"] == "extra_forbidden":
        if chosen and drivers.get(key):
            return _others_key(key, chosen, drivers[key])
        return f"unknown key {key}{_nearest(place, known)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] in _NO_DRIVER and key in UNIONS:
        given = fault.get("ctx", {}).get("tag")
        said = "is missing" if given is None else f"{given!r} is none of ours"
        return f"{key}.driver {said}: it is one of {', '.join(map(repr, UNIONS[key]))}"
    message = fault["msg"].removeprefix("Value error, ")
    shown = fault["input"] if isinstance(fault["input"], (str, int, float, bool)) else None
    return f"{key}: {message}" + (f" (it is {_short(repr(shown))})" if shown is not None else "")


def _short(text: str) -> str:
    """Return a text as it is, or its beginning: a file that was cut may have lines without end."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _others_key(key: str, chosen: str, drivers: Sequence[str]) -> str:
    """Say whose a key is that the chosen driver does not have."""
    whose = f"the driver {drivers[0]}" if len(drivers) == 1 else f"the drivers {_listed(drivers)}"
    section = key.partition(".")[0]
    return f"{key} is a key of {whose}, not of {chosen}: take it out, or change {section}.driver"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _nearest(place: list[str], known: Sequence[str]) -> str:
    """Name the known key that is most like an unknown one."""
    close = difflib.get_close_matches(".".join(place), known, n=1, cutoff=0.5)
    if not close:
        last = {key.split(".")[-1]: key for key in known}
        close = [last[name] for name in difflib.get_close_matches(place[-1], last, n=1)]
    return f"; did you mean {close[0]}?" if close else ""
