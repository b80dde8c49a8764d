"""Which linewarden a bundle needs: an older one refuses it before it reads anything else of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from bundle.errors import OldAgentError

KEY = "needs_agent"
VERSION = r"^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){1,2}$"

# Keys of the manifest that came after the first release, and the first linewarden to read each.
# Whoever adds one adds a line here: bundles that use it then say which linewarden they need.
SINCE: Mapping[str, str] = {"camera": "0.1", "reference": "0.1"}


def own_version() -> str:
    """Return the version of this linewarden."""
    return version("linewarden")


def check_needs(data: Mapping[str, Any]) -> None:
    """Refuse the manifest of a bundle for a newer linewarden. Raises OldAgentError.

    What is no version is left to whoever checks the whole manifest.
    """
    needed = data.get(KEY)
    if not isinstance(needed, str) or not re.fullmatch(VERSION, needed):
        return
    own = own_version()
    if _numbers(needed) > _numbers(own):
        raise OldAgentError(
            f"this model needs linewarden {needed} or newer; this is {own}: update linewarden first"
        )


def lowest_agent(
    data: Mapping[str, Any], asked: str | None, since: Mapping[str, str] = SINCE
) -> str | None:
    """Return the oldest linewarden that reads all of a manifest; None where the first one does.

    `asked` is a version that it needs for another reason.
    """
    needed = [first for key, first in since.items() if data.get(key) is not None]
    needed += [asked] if asked is not None else []
    return max(needed, key=_numbers, default=None)


def _numbers(text: str) -> tuple[int, ...]:
    """Return the version as three numbers; what follows them, as in `0.9.0rc1`, does not count."""
    found = re.match(r"\d+(?:\.\d+){0,2}", text)
    numbers = [int(each) for each in found.group().split(".")] if found else []
    return tuple([*numbers, 0, 0, 0][:3])
