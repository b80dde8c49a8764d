"""The sub-command audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.audit.audit import Audit


def audit(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder with train/ and test/, or of classes.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the report to write.")
    ] = Path("audit"),
    split: Annotated[
        Path | None,
        typer.Option("--write-split", metavar="FILE", help="Write a part-safe split here."),
    ] = None,
    folds: Annotated[
        int, typer.Option("--folds", min=1, max=100, help="Splits, each part tested once.")
    ] = 1,
    validation_share: Annotated[
        float, typer.Option("--validation-share", help="Share of the pictures to validate with.")
    ] = 0.1,
    test_share: Annotated[
        float | None,
        typer.Option(
            "--test-share", help="Share to test with; with --folds 1/folds.", show_default="0.2"
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides the split.")] = 0,
    defective: Annotated[
        str | None, typer.Option("--defective", metavar="NAME", help="Class of bad parts, or a,b.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", help="Where to keep what takes long.",
            show_default="~/.cache/linewarden",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 on leaks or contradictions.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Look for copies, leaks, wrong labels and odd pictures before training on a folder.

    Example: linewarden audit ../castings --out out/audit --write-split split.json --folds 3
    """
    if folds > 1 and test_share is not None:
        raise typer.BadParameter("--folds sets the share to test with: leave --test-share out")
    from rich.console import Console

    from training.audit.audit import audit_folder
    from training.audit.cache import AuditCache, default_cache
    from training.audit.progress import AuditProgress
    from training.audit.report import audit_json, write_audit
    from training.audit.split import SplitPlan, make_splits, write_splits

    plan = SplitPlan(folds, validation_share, 0.2 if test_share is None else test_share, seed)
    plan.check()  # a wrong option is said before the work
    kept = AuditCache(default_cache() if cache is None else cache)
    with AuditProgress(Console(stderr=True)) as progress:
        found = audit_folder(data, progress, defective=defective, cache=kept)
    if kept.fault:
        typer.echo(f"warning: {kept.fault}", err=True)
    splits = () if split is None else make_splits(found.scan.pictures, found.part_of, plan)
    paths = () if split is None else write_splits(split, splits)
    page = write_audit(found, out, splits[0] if splits else None)
    if as_json:
        print(json.dumps(audit_json(found), indent=1, allow_nan=False))
    else:
        print("\n".join(_lines(found)))
        print(f"the report is {page}")
        for path in paths:
            print(f"the split is {path}")
    if strict and _is_unfit(found):
        raise typer.Exit(1)


def _lines(found: Audit) -> list[str]:
    from training.audit.findings import list_findings

    parts = len(set(found.part_of))
    lines = [f"{len(found.scan.pictures)} pictures of {parts} parts in {found.scan.root}"]
    lines += [f"  {finding.gravity:<8} {finding.title}" for finding in list_findings(found)]
    return lines if len(lines) > 1 else [*lines, "  nothing was found that speaks against training"]


def _is_unfit(found: Audit) -> bool:
    leaks = bool(found.leaks) and found.leaks[0].same_part > 0
    return leaks or bool(found.contradictions)
