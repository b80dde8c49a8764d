"""The sub-command compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write page, tables and plots to this folder."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="Measure training accuracy on these, their own, pictures."
        ),
    ] = None,
    pareto: Annotated[
        list[Path] | None,
        typer.Option(
            "--pareto",
            metavar="FRONT.json",
            help="Show slim models too: front.json of a run's slim folder; may be given again.",
        ),
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Time the models on this machine.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Set runs beside one another and beside the paper, with what holds for new parts.

    Example: linewarden compare runs/casting-*/ --out out/compare
    """
    import time

    from training.backend import start_backend
    from training.comparison.claims import find_claims
    from training.comparison.compare import compare_runs
    from training.comparison.fronts import read_fronts
    from training.comparison.paper_table import table_1
    from training.comparison.read import read_runs
    from training.comparison.text import comparison_json, table_lines

    _check_out(out, pareto, as_json=as_json)
    read_runs(runs)  # a wrong folder is said before a model loads
    fronts = read_fronts(pareto or ())
    start_backend()
    comparison = compare_runs(runs, data=data, now_ns=time.perf_counter_ns if latency else None)
    page = None
    if out is not None:
        from training.comparison.page import write_comparison

        page = write_comparison(comparison, out, fronts)
    for warning in comparison.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        print(json.dumps(comparison_json(comparison, fronts), indent=1, allow_nan=False))
        return
    print("\n".join(table_lines(table_1(comparison))))
    print("\n".join(claim.text for claim in find_claims(comparison)))
    if page is not None:
        print(f"the page is {page}")


def _check_out(out: Path | None, pareto: list[Path] | None, *, as_json: bool) -> None:
    """Refuse to begin what would fail when the page is written, or say nothing of slim models."""
    from importlib.util import find_spec

    from training.errors import OptionError

    if pareto and out is None and not as_json:
        raise OptionError(
            "--pareto needs --out or --json: slim models stand on the page and in the JSON object"
        )
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if out is not None and missing:
        raise OptionError(f"--out needs {' and '.join(missing)}: pip install 'linewarden[train]'")
    if out is not None and out.exists() and not out.is_dir():
        raise OptionError(f"{out} is a file; --out names a folder")
