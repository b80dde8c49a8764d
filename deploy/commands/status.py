"""The sub-command status."""

from __future__ import annotations

import typer

from deploy.commands.options import (
    ConfigOption,
    JsonOption,
    SlotsOption,
    TrustOption,
    answer,
    read_means,
    refusals_as_json,
)


def status(
    *,
    slots: SlotsOption = None,
    trust: TrustOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which models are here, which one judges, and how its probation goes.

    The exit code is 1 where something is not as it should be.

    Example: linewarden status
    """
    from rich.console import Console

    from deploy.report import gather
    from deploy.told import show_report

    with refusals_as_json(wanted=as_json):
        line, ring = read_means(config, slots, trust)
        report = gather(line, ring)
    answer(report, lambda: show_report(report, Console()), as_json=as_json)
    if report["faults"]:
        raise typer.Exit(1)
