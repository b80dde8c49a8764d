"""The sub-command rollback."""

from __future__ import annotations

import typer

from deploy.commands.options import (
    ByOption,
    ConfigOption,
    JsonOption,
    SlotsOption,
    TrustOption,
    answer,
    read_means,
    refusals_as_json,
)


def rollback(
    *,
    by: ByOption = None,
    slots: SlotsOption = None,
    trust: TrustOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to the model before, while the line runs; always allowed.

    Example: linewarden rollback
    """
    from deploy.changes import go_back
    from deploy.clock import SystemClock
    from deploy.who import who

    clock = SystemClock()
    person = who(clock, by)
    with refusals_as_json(wanted=as_json):
        line, ring = read_means(config, slots, trust)
        gone = go_back(line, ring, person, clock)

    def say() -> None:
        ahead = (
            "will judge once the agent runs" if gone.outcome == "not_running" else "judges again"
        )
        typer.echo(f"{gone.left} was taken back: {gone.title} {ahead}")
        typer.echo("next: `linewarden status`; tell whoever made the model what was wrong with it")

    facts = {
        "done": True, "left": gone.left, "title": gone.title, "agent": gone.outcome, "by": person,
    }  # fmt: skip
    answer(facts, say, as_json=as_json)
