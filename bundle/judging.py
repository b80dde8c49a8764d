"""What the agent says of its models to whoever flashes: a small file beside the slots."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

JUDGING = "judging.json"
MAX_BYTES = 64 * 1024


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Probation(_Record):
    """How far the probation of the active model has come, or how the last one ended."""

    parts: int
    wanted_parts: int
    minutes: float
    wanted_minutes: float
    findings: tuple[str, ...]
    state: Literal["running", "passed", "failed"]
    title: str = ""


class Shadow(_Record):
    """How a model that looks at the same parts differs from the active one.

    `only_new_rejects` are parts that the active one passed, `only_old_rejects` the other way
    round; where one of them said RECHECK it is `rechecks_differ`. `dropped` parts came too fast
    for it, on `failed` it gave no verdict. `pictures` is the folder with those that differ.
    """

    title: str
    parts: int
    agree: int
    only_new_rejects: int
    only_old_rejects: int
    rechecks_differ: int
    pictures: str
    dropped: int = 0
    failed: int = 0


class Judging(_Record):
    """What the agent judges with at this moment; `since` is when it began to, in UTC.

    `title` and `sha256` are empty while no model judges. `refused` says why the model that the
    slots want is not the one that judges.
    """

    schema_version: Literal[1] = 1
    title: str
    sha256: str
    signed: bool
    since: str
    pid: int
    ready: bool
    refused: str
    probation: Probation | None = None
    shadow: Shadow | None = None


def read_judging(folder: Path) -> Judging | None:
    """Return what the agent wrote last; None when there is nothing that can be read.

    It outlives the agent: ask whether `pid` still runs.
    """
    try:
        with (folder / JUDGING).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        return Judging.model_validate_json(text)
    except (OSError, ValidationError):
        return None


def write_judging(folder: Path, judging: Judging) -> None:
    """Replace what was written, whole or not at all. Raises OSError.

    Nothing is synced: after a power cut the agent starts and writes it anew.
    """
    temporary = folder / f".{JUDGING}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(judging.model_dump_json(indent=1).encode("utf-8") + b"\n")
        temporary.replace(folder / JUDGING)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
