"""The sub-command confirm."""

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


def confirm(
    *,
    by: ByOption = None,
    slots: SlotsOption = None,
    trust: TrustOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the probation well: the model stays, and no release older than it is taken any more.

    Example: linewarden confirm --by "Anna Meier"
    """
    from deploy.changes import confirm_model
    from deploy.clock import SystemClock
    from deploy.who import who

    clock = SystemClock()
    person = who(clock, by)
    with refusals_as_json(wanted=as_json):
        line, ring = read_means(config, slots, trust)
        title, lowest = confirm_model(line, ring, person, clock)

    def say() -> None:
        typer.echo(f"{title} is confirmed; releases below {lowest} are refused from now on")

    answer({"done": True, "title": title, "floor": lowest, "by": person}, say, as_json=as_json)
