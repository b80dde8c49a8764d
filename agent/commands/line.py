"""`linewarden line`: pause, bypass and resume the running line, by name and with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.line.files import Action, LineState, Request

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")
# The agent looks twice a second, and notes a bypass on its disk before it answers.
ANSWER_WITHIN_S = 10.0
_LOOK_S = 0.05

ConfigOption = Annotated[Path, typer.Option("--config", help="The agent's TOML file.")]
ByOption = Annotated[str, typer.Option("--by", help="Your name, as it shall stand in the record.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, in a sentence.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

line = typer.Typer(
    help="Pause, bypass and resume the running line. Whoever may write the ledger's folder may.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@line.command("pause")
def pause(
    *,
    by: ByOption,
    why: WhyOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Divert every part from now on, also after a restart, until somebody resumes.

    A part whose permission is already with the gate still passes; it has been inspected.

    Example: linewarden line pause --by Anna --why "changing the chute"
    """
    _say(_ask(config, "pause", by, why, None), as_json=as_json)


@line.command("bypass")
def bypass(
    *,
    by: ByOption,
    why: WhyOption,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="End it after so long; else the most allowed.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Let every part through UNINSPECTED for a while, where bypass.allowed is true.

    It ends by itself, and with the agent. Every part still has its row before it passes.

    Example: linewarden line bypass --by Anna --why "camera away for repair" --minutes 10
    """
    _say(_ask(config, "bypass", by, why, minutes), as_json=as_json)


@line.command("resume")
def resume(
    *,
    by: ByOption,
    why: WhyOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Inspect parts again: ends a pause, a bypass, and the latch of a gate that disagreed.

    Example: linewarden line resume --by Anna --why "chute is changed"
    """
    _say(_ask(config, "resume", by, why, None), as_json=as_json)


@line.command("show")
def show(*, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say what the line is set to, by whom and until when.

    Example: linewarden line show
    """
    from agent.clock import SystemClock
    from agent.line.files import LineState, agent_runs, read_state
    from agent.line.mode import ModeKind

    folder = _folder(config)
    state = read_state(folder) or LineState(mode=ModeKind.INSPECTING)
    _show(state, running=agent_runs(folder), wall_ns=SystemClock().wall_ns(), as_json=as_json)


def _ask(config: Path, action: Action, by: str, why: str, minutes: float | None) -> LineState:
    """Leave a request and wait for the agent's answer. Raises LineError."""
    from agent.clock import SystemClock
    from agent.errors import LineError
    from agent.line.files import agent_runs, drop_request, leave_request

    folder, clock = _folder(config), SystemClock()
    if not agent_runs(folder):
        raise LineError("the agent does not run: without it the gate diverts every part")
    request = _request(action, by, why, minutes, clock)
    leave_request(folder, request)
    state = _await_answer(folder, request.id, clock)
    if state is None:
        drop_request(folder)
        raise LineError(
            f"the agent has not answered for {ANSWER_WITHIN_S:.0f} s: see `linewarden line show`"
        )
    if not state.done:
        raise LineError(state.text)
    return state


def _request(action: Action, by: str, why: str, minutes: float | None, clock: Clock) -> Request:
    """Return a request of this moment. Raises LineError for a name or a time that is none."""
    import secrets

    from pydantic import ValidationError

    from agent.audit.chain import who_runs
    from agent.errors import LineError
    from agent.ledger.disk import host_boot_id
    from agent.line.files import Request

    try:
        return Request(
            id=secrets.token_hex(8),
            action=action,
            by=by.strip(),
            why=why.strip(),
            minutes=minutes,
            account=who_runs()[:100],
            host_boot=host_boot_id(),
            at_ns=clock.now_ns(),
        )
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise LineError(f"--{fault['loc'][0]}: {fault['msg']}") from error


def _await_answer(folder: Path, request_id: str, clock: Clock) -> LineState | None:
    from agent.errors import LineError
    from agent.line.files import read_state

    deadline_ns = clock.now_ns() + round(ANSWER_WITHIN_S * 1e9)
    while clock.now_ns() < deadline_ns:
        clock.sleep(_LOOK_S)
        try:
            state = read_state(folder)
        except LineError:
            continue  # it is being put right by the agent
        if state is not None and state.answered == request_id:
            return state
    return None


def _folder(config: Path) -> Path:
    from agent.config.document import read_config

    return Path(read_config(config).ledger.folder)


def _say(state: LineState, *, as_json: bool) -> None:
    typer.echo(state.model_dump_json() if as_json else f"done: {state.text}")


def _show(state: LineState, *, running: bool, wall_ns: int, as_json: bool) -> None:
    from agent.line.mode import ModeKind
    from agent.wall_time import iso_time

    over = state.mode is ModeKind.BYPASSED and (not running or wall_ns >= state.until_wall_ns)
    mode = ModeKind.INSPECTING if over else state.mode
    since = iso_time(state.since_wall_ns) if state.since_wall_ns and not over else ""
    until = iso_time(state.until_wall_ns) if state.until_wall_ns and not over else ""
    by, why = ("", "") if over else (state.by, state.why)
    answer = {"running": running, "mode": mode.value, "by": by, "why": why}
    answer |= {"since": since, "until": until}
    if as_json:
        typer.echo(json.dumps(answer))
        return
    lines = [f"the line is {mode.value}"]
    lines += [f"by {by}: {why}"] if by else []
    lines += [f"since {since}"] if since else []
    lines += [f"until {until}"] if until else []
    typer.echo("\n".join(lines))
    if not running:
        typer.echo("the agent does not run: the gate diverts every part as far as its wiring does")
