"""Request and answer between `linewarden line` and the running agent: two small files.

Whoever may write the ledger's folder may ask; nothing that comes over a network gets there.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import LineError
from agent.ledger.disk import LOCK_NAME, replace_durably
from agent.line.mode import ModeKind

REQUEST_NAME = "line.request"
STATE_NAME = "line.json"
MAX_BYTES = 4096
# An older request is refused: whoever asked has been told that nobody answers.
FRESH_NS = 10_000_000_000

Action = Literal["pause", "bypass", "resume"]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Sentence = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Request(_File):
    """What a person asks of the line; void after ten seconds, and after a restart of the host."""

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    action: Action
    by: Name
    why: Sentence
    minutes: float | None = Field(None, gt=0, le=1440)
    account: str = Field(max_length=100)
    host_boot: str = Field(max_length=64)
    at_ns: int = Field(ge=0)

    def fresh(self, host_boot: str, now_ns: int) -> bool:
        """Whether the request was made just now, on this start of the machine."""
        return self.host_boot == host_boot and 0 <= now_ns - self.at_ns <= FRESH_NS


class LineState(_File):
    """What the line is set to, and what became of the last request."""

    # JSON knows no enums, and strict would not take the word for one.
    mode: Annotated[ModeKind, Field(strict=False)]
    by: str = ""
    why: str = ""
    since_wall_ns: int = 0
    until_wall_ns: int = 0
    answered: str = ""
    done: bool = True
    text: str = ""


def agent_runs(folder: Path) -> bool:
    """Whether a process holds the ledger in this folder, as only an agent does."""
    try:
        with (folder / LOCK_NAME).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LineError(f"{folder} cannot be read: {error.strerror}; use sudo") from error
    return False


def leave_request(folder: Path, request: Request) -> None:
    """Put a request where the agent looks for it, whole or not at all. Raises LineError."""
    path = folder / REQUEST_NAME
    temporary = path.with_name(f"{REQUEST_NAME}.{request.id}")
    try:
        temporary.write_text(request.model_dump_json(), "utf-8")
        temporary.chmod(0o644)  # the agent reads it as another user
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise LineError(
            f"cannot write into {folder}: {error.strerror}; use sudo, or name the right --config"
        ) from error


def take_request(folder: Path) -> Request | None:
    """Return the request that waits, and remove it, also one that is none. Raises LineError."""
    path = folder / REQUEST_NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        drop_request(folder)
        raise LineError(f"a request for the line cannot be read: {error.strerror}") from error
    try:
        content = os.read(descriptor, MAX_BYTES + 1)
    except OSError as error:
        raise LineError(f"a request for the line cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
        drop_request(folder)
    try:
        return Request.model_validate_json(content)
    except ValidationError as error:
        raise LineError("a request for the line was no request, and was thrown away") from error


def drop_request(folder: Path) -> None:
    """Throw away whatever waits: nobody asks before the agent has started."""
    with suppress(OSError):
        (folder / REQUEST_NAME).unlink(missing_ok=True)


def write_state(folder: Path, state: LineState) -> None:
    """Write what the line is set to, durably: a pause outlives a restart. Raises OSError."""
    replace_durably(folder / STATE_NAME, state.model_dump_json().encode("utf-8"))
    with suppress(OSError):
        (folder / STATE_NAME).chmod(0o644)


def read_state(folder: Path) -> LineState | None:
    """Return what was written last; None for nothing. Raises LineError for a damaged file."""
    path = folder / STATE_NAME
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LineError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return LineState.model_validate_json(content)
    except ValidationError as error:
        raise LineError(f"{path} is damaged") from error


def is_latched(folder: Path) -> bool:
    """Whether the line was left latched; a file that is damaged may hide that, and counts as it."""
    try:
        state = read_state(folder)
    except LineError:
        return True
    return state is not None and state.mode is ModeKind.LATCHED
