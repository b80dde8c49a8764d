"""The sub-command flash."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from bundle.signature import Keyring
    from deploy.flash import Flashed, Request
    from deploy.line_config import LineConfig

STEPS = 5


def flash(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL|USB",
            help="The .lwb file, its folder, an address, a device, `usb`, or `shadow`.",
        ),
    ] = "",
    *,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Only let it judge beside the present one.")
    ] = False,
    drop_shadow: Annotated[
        bool, typer.Option("--drop-shadow", help="Take the model beside the present one away.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Take other labels, another region, a release far ahead, a failed one."
        ),
    ] = False,
    by: ByOption = None,
    slots: SlotsOption = None,
    trust: TrustOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a new model to the line while it runs; until it is proven nothing is changed.

    Example: linewarden flash usb
    """
    from deploy.clock import SystemClock
    from deploy.flash import Request
    from deploy.who import who

    if bool(source) == drop_shadow or (shadow and drop_shadow):
        raise typer.BadParameter("give one model to flash, or --drop-shadow alone")
    clock = SystemClock()
    person = who(clock, by)
    with refusals_as_json(wanted=as_json):
        line, ring = read_means(config, slots, trust)
        if drop_shadow:
            _drop(line, ring, person, as_json=as_json)
            return
        request = Request(source, person, shadow=shadow, force=force)
        _flash(request, line, ring, as_json=as_json)


def _flash(request: Request, line: LineConfig, ring: Keyring, *, as_json: bool) -> None:
    from rich.console import Console

    from deploy.clock import SystemClock
    from deploy.fit import camera_notes
    from deploy.flash import Means, flash_bundle
    from deploy.progress import Silent, Terminal
    from deploy.told import show_line

    console = Console()
    if as_json:
        done = flash_bundle(request, line, Means(ring, SystemClock(), Silent()))
    else:
        if not line.found:
            show_line(
                console, "no configuration yet: camera and line's time are not checked", "red"
            )
        with closing(Terminal(console, STEPS)) as view:
            done = flash_bundle(request, line, Means(ring, SystemClock(), view))

    notes = camera_notes(done.archive.manifest, line)

    def say() -> None:
        for note in notes:
            show_line(console, f"note: {note}", "yellow")
        for text in _words(done, request, line):
            show_line(console, text, "bold")

    answer(_facts(done, request) | {"notes": notes}, say, as_json=as_json)


def _drop(line: LineConfig, ring: Keyring, person: str, *, as_json: bool) -> None:
    from deploy.changes import drop_shadow
    from deploy.clock import SystemClock

    title = drop_shadow(line, ring, person, SystemClock())

    def say() -> None:
        typer.echo(f"{title} no longer judges beside the other one; its slot is free")

    answer({"done": True, "dropped": title}, say, as_json=as_json)


def _words(done: Flashed, request: Request, line: LineConfig) -> list[str]:
    title = done.archive.title
    if request.shadow:
        return [
            f"{title} is the shadow: `linewarden status` counts where it differs",
            "next: `linewarden flash shadow` to let it judge, or --drop-shadow to take it away",
        ]
    ahead = "will judge" if done.outcome == "not_running" else "judges"
    return [
        f"{title} {ahead}, on probation for {line.probation_parts} parts and "
        f"{line.probation_minutes:g} minutes; then it is confirmed, or taken back, by itself",
        "next: `linewarden status` to watch, `linewarden confirm` to end it well now, "
        "`linewarden rollback` to go back",
    ]


def _facts(done: Flashed, request: Request) -> dict[str, object]:
    return {
        "done": True,
        "title": done.archive.title,
        "release": done.archive.manifest.release,
        "sha256": done.sha256,
        "source": done.fetched.name,
        "signers": list(done.archive.signers),
        "by": request.by,
        "shadow": request.shadow,
        "slot": done.state.free if request.shadow else done.state.active,
        "agent": done.outcome,
        "trial": done.findings.model_dump(exclude={"refused"}),
    }
