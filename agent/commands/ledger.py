"""`linewarden ledger`: what became of the parts, from the ledger's file alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.errors import LedgerError

if TYPE_CHECKING:
    from agent.audit.rows import AuditHead
    from agent.audit.verify import ChainReport
    from agent.ledger.balance import BalanceReport, Count
    from agent.ledger.reader import Selection

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")
SHOWN_FAULTS = 20

ConfigOption = Annotated[Path, typer.Option("--config", help="The agent's TOML file.")]
LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", help="The ledger's folder or file; else the one of --config."),
]
SinceOption = Annotated[
    str, typer.Option("--since", help="From this time on: 2026-03-01 or 2026-03-01T06:00:00Z.")
]
UntilOption = Annotated[str, typer.Option("--until", help="Before this time.")]
SessionOption = Annotated[
    int | None, typer.Option("--session", min=0, help="One start of the agent, as in `balance`.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

ledger = typer.Typer(
    help="Export, balance and audit the ledger; reads only, also while the agent runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@ledger.command("export")
def export_parts(
    *,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write CSV here.")] = None,
    parquet: Annotated[Path | None, typer.Option("--parquet", help="Write Parquet here.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    path: LedgerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    session: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the ledger's parts as a table, one row for each.

    Example: linewarden ledger export --csv parts.csv --since 2026-03-01
    """
    from agent.ledger.export import export_csv, export_parquet

    if (csv is None) == (parquet is None):
        raise typer.BadParameter("give either --csv FILE or --parquet FILE")
    export, file = (export_csv, csv) if csv is not None else (export_parquet, parquet)
    if file is None:
        raise typer.BadParameter("give a file")
    parts = export(_ledger_path(path, config), file, _selection(since, until, session))
    answer = {"file": str(file), "parts": parts}
    typer.echo(json.dumps(answer) if as_json else f"{file}: {parts} parts")


@ledger.command("balance")
def balance_parts(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    path: LedgerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    session: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that triggers = PASS + REJECT + RECHECK + UNINSPECTED; exit code 1 if they do not.

    Example: linewarden ledger balance
    """
    from agent.ledger.balance import read_balance

    report = read_balance(_ledger_path(path, config), _selection(since, until, session))
    if as_json:
        typer.echo(json.dumps({**asdict(report), "balances": report.balances}, indent=1))
    else:
        typer.echo("\n".join(_balance_lines(report)))
    if not report.balances:
        raise typer.Exit(1)


@ledger.command("audit")
def audit_rows(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    path: LedgerOption = None,
    chain: Annotated[
        Path | None, typer.Option("--chain", help="Verify this exported chain instead.")
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="NUMBER:HASH that was published once; may be repeated."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the chain here, byte for byte.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify who started, stopped, bypassed or changed the line; exit code 1 if rows are altered.

    Example: linewarden ledger audit --export audit.jsonl
    """
    from agent.audit.verify import verify_file, verify_folder

    anchors = _anchors(head or [])
    if chain is not None:
        source, report = chain, verify_file(chain, anchors)
    else:
        source, folder = _chain_of(_ledger_path(path, config))
        report = verify_folder(folder, [*anchors, *_noted_anchors(folder)])
    if export is not None:
        _copy(source, export)
    typer.echo(_audit_json(report) if as_json else "\n".join(_audit_lines(report)))
    if not report.sound:
        raise typer.Exit(1)


def _ledger_path(path: Path | None, config: Path) -> Path:
    if path is not None:
        return path
    from agent.config.document import read_config

    return Path(read_config(config).ledger.folder)


def _selection(since: str, until: str, session: int | None) -> Selection:
    from agent.ledger.reader import Selection, parse_wall_time

    return Selection(
        parse_wall_time(since) if since else None,
        parse_wall_time(until) if until else None,
        session,
    )


def _balance_lines(report: BalanceReport) -> list[str]:
    from agent.wall_time import iso_time

    head = f"{'session':>8} {'started':24} {'triggers':>9}"
    lines = [f"{head} {'PASS':>9} {'REJECT':>9} {'RECHECK':>9} {'UNINSPECTED':>11} {'in work':>8}"]
    for one in report.sessions:
        started = "not known" if one.started_wall_ns is None else iso_time(one.started_wall_ns)
        lines.append(f"{one.session:8} {started:24} {_count_text(one.count)}")
    lines.append(f"{'':8} {'in all':24} {_count_text(report.total)}")
    if report.since_begun is not None and report.deleted:
        lines.append(f"{'':8} {'with the deleted':24} {_count_text(report.since_begun)}")
    lines += [f"fault: {fault}" for fault in report.faults]
    return [*lines, "it balances" if report.balances else "it does NOT balance"]


def _count_text(count: Count) -> str:
    verdicts = f"{count.passed:9} {count.rejected:9} {count.rechecked:9} {count.uninspected:11}"
    return f"{count.triggers:9} {verdicts} {count.in_work:8}"


def _chain_of(path: Path) -> tuple[Path, Path]:
    from agent.audit.rows import CHAIN_NAME

    folder = path if path.is_dir() else path.parent
    return folder / CHAIN_NAME, folder


def _anchors(texts: Sequence[str]) -> list[AuditHead]:
    from agent.audit.rows import find_anchors

    anchors = [find_anchors(f"audit row {text}") for text in texts]
    for text, found in zip(texts, anchors, strict=True):
        if len(found) != 1:
            raise typer.BadParameter(f"{text!r} is no NUMBER:HASH of an audit row")
    return [found[0] for found in anchors]


def _noted_anchors(folder: Path) -> list[AuditHead]:
    """Return the heads that the ledger's events name: a second place that must agree."""
    from agent.audit.rows import find_anchors
    from agent.ledger.reader import reading

    texts: list[str] = []
    # The chain can be verified without a ledger: one that is damaged is told by `balance`.
    with suppress(LedgerError), reading(folder) as connection:
        texts = [row[0] for row in connection.execute("SELECT text FROM event WHERE kind='audit'")]
    return [anchor for text in texts for anchor in find_anchors(text)]


def _copy(source: Path, target: Path) -> None:
    from agent.audit.verify import read_chain

    try:
        if target.exists() and target.samefile(source):
            raise LedgerError(f"{target} is the chain itself: export it elsewhere")
        target.write_bytes(read_chain(source))
    except OSError as error:
        raise LedgerError(f"cannot write {target}: {error.strerror or error}") from error


def _audit_lines(report: ChainReport) -> list[str]:
    lines = [f"note: {notice}" for notice in report.notices]
    lines += [f"fault: {fault.text}" for fault in report.faults[:SHOWN_FAULTS]]
    if len(report.faults) > SHOWN_FAULTS:
        lines.append(f"and {len(report.faults) - SHOWN_FAULTS} faults more")
    if report.head is not None:
        lines.append(f"{report.rows} rows; head {report.head.text}")
    if report.sound:
        return [*lines, "no row was altered, as far as the chain can show"]
    return [*lines, f"the first bad row is {report.faults[0].row}"]


def _audit_json(report: ChainReport) -> str:
    answer: dict[str, Any] = asdict(report)
    answer["tail"] = len(report.tail)
    answer["sound"] = report.sound
    answer["first_bad_row"] = report.faults[0].row if report.faults else None
    return json.dumps(answer, indent=1)
