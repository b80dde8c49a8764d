"""What is wrong with a configuration, a line for each fault, for a technician."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

# Sections with a class for each driver; keys of their own are never called like one.
UNIONS = {
    "camera": ("replay", "sim", "v4l2", "pipe"),
    "gate": ("controller", "sim", "modbus", "lcus", "line"),
    "trigger": ("interval", "command", "presence"),
}
# What pydantic says of a section without a driver, and of one with a driver that is not there.
_NO_DRIVER = ("union_tag_not_found", "union_tag_invalid")
_LONGEST = 120
# More at a time nobody mends; the rest is counted.
MOST_FAULTS = 10
_NO_SECTION = ("model_type", "model_attributes_type", "dict_type")
_NO_DRIVERS: Mapping[str, Sequence[str]] = MappingProxyType({})


def first_fault(
    error: ValidationError,
    known: Sequence[str],
    drivers: Mapping[str, Sequence[str]] = _NO_DRIVERS,
) -> str:
    """Return the fault that says most, as one line; see `all_faults`."""
    return all_faults(error, known, drivers)[0]


def all_faults(
    error: ValidationError,
    known: Sequence[str],
    drivers: Mapping[str, Sequence[str]] = _NO_DRIVERS,
) -> list[str]:
    """Return every fault as one line with key, value and bound, those first that say most.

    An unknown key comes with the one of the `known` that is most like it, or with the `drivers`
    whose key it is where another is chosen. After `MOST_FAULTS` the rest is only counted.
    """
    faults = error.errors(include_url=False)
    # A misspelt key is unknown and its right name missing: the first says more, and is enough.
    faults.sort(key=lambda fault: fault["type"] != "extra_forbidden")
    said: dict[str, None] = {}
    for fault in faults:
        lines = _lines(fault, known, drivers)
        missing = fault["type"] == "missing"
        if not (missing and any(f"did you mean {_key(fault)[0]}?" in line for line in said)):
            said.update(dict.fromkeys(lines))
    lines = list(said)
    more = len(lines) - MOST_FAULTS
    return lines if more <= 0 else [*lines[:MOST_FAULTS], f"and {more} more faults"]


def _lines(
    fault: ErrorDetails, known: Sequence[str], drivers: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return what is to be said of one fault: a section can contradict itself more than once."""
    key, place, chosen = _key(fault)
    if fault["type"] == "extra_forbidden":
        if chosen and drivers.get(key):
            return [_others_key(key, chosen, drivers[key])]
        return [f"unknown key {key}{_nearest(place, known)}"]
    if fault["type"] == "missing":
        return [f"{key} is missing"]
    if fault["type"] in _NO_DRIVER and key in UNIONS:
        given = fault.get("ctx", {}).get("tag")
        said = "is missing" if given is None else f"{given!r} is none of ours"
        return [f"{key}.driver {said}: it is one of {', '.join(map(repr, UNIONS[key]))}"]
    shown = fault["input"] if isinstance(fault["input"], (str, int, float, bool)) else None
    value = f" (it is {_short(repr(shown))})" if shown is not None else ""
    # What is said of the whole file names its keys itself.
    before = f"{key}: " if place else ""
    return [f"{before}{line}{value}" for line in _own_words(fault, key)]


def _key(fault: ErrorDetails) -> tuple[str, list[str], str]:
    """Return a fault's key, the steps to it, and which driver it is a key of."""
    # The name of the chosen driver stands in the place of a union's fault: it is no key.
    place, chosen = [str(step) for step in fault["loc"]], ""
    if place[1:2] and place[1] in UNIONS.get(place[0], ()):
        chosen = place.pop(1)
    return _short(".".join(place)) or "the file", place, chosen


def _own_words(fault: ErrorDetails, key: str) -> list[str]:
    """Return what a section says of itself, or pydantic of a value."""
    if fault["type"] in _NO_SECTION:
        return [f"it must be a section: write [{key}], once, and its keys below"]
    message = fault["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    return message.splitlines()


def _short(text: str) -> str:
    """Return a text on one line, or its beginning: a damaged file may have lines without end."""
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text[:_LONGEST])
    return shown if len(text) <= _LONGEST else f"{shown}…"


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
