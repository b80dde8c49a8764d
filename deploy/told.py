"""The words and colours in which a technician reads what is in the slots."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Report = dict[str, Any]

_STATUS = {
    "staged": ("installed, never judged", "yellow"),
    "trial": ("on probation", "yellow"),
    "good": ("confirmed", "green"),
    "failed": ("taken back", "red"),
    "shadow": ("shadow: judges beside, decides nothing", "cyan"),
}


def show_report(report: Report, console: Console) -> None:
    """Print what `status` found."""
    if report["fixed"]:
        _line(console, f"this line judges by the file {report['fixed']}; it has no slots")
    if report["slots"]:
        console.print(_table(report))
    for line in [*_cards(report), *facts(report)]:
        _line(console, line)
    for fault in report["faults"]:
        _line(console, f"look: {fault}", "red")
    for line in next_steps(report):
        _line(console, f"next: {line}", "bold")


def facts(report: Report) -> list[str]:
    """Return what there is to say besides the table, a sentence each."""
    names = ", ".join(f"{name} ({key})" for key, name in report["trusted"].items())
    lines = [f"trusted keys: {names or 'none: `linewarden trust --add NAME.pub`'}"]
    if report["floor"]:
        lines.append(f"floor: release {report['floor']}; older ones are refused")
    if report["unsigned_allowed"]:
        lines.append("UNSIGNED MODELS ARE ALLOWED on this line (model.allow_unsigned)")
    if report["changed_by"]:
        lines.append(f"last changed by {report['changed_by']}")
    return lines + _agent(report["agent"])


def next_steps(report: Report) -> list[str]:
    """Return what the technician may do now."""
    judging = report["slots"].get(report["active"] or "")
    steps = []
    if judging and judging["status"] == "trial":
        steps.append("`linewarden confirm` if it judges well, `linewarden rollback` if not")
    if any(each["status"] == "shadow" for each in report["slots"].values()):
        steps.append(
            "`linewarden flash shadow` lets the shadow judge, "
            "`linewarden flash --drop-shadow` takes it away"
        )
    return steps


def _table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("slot", "model", "release", "state", "signed by"):
        table.add_column(column, overflow="fold")
    for name, held in report["slots"].items():
        word, style = _STATUS[held["status"]]
        table.add_row(
            Text(f"{name} judges" if held["judges"] else name, "bold" if held["judges"] else ""),
            Text(held["title"]),
            str(held["release"]),
            Text("UNUSABLE" if held["fault"] else word, "red" if held["fault"] else style),
            Text(", ".join(each.partition(" ")[0] for each in held["signers"]) or "NOBODY"),
        )
    return table


def _cards(report: Report) -> list[str]:
    told = ((held["title"], card_line(held["card"])) for held in report["slots"].values())
    return [f"card of {title}: {line}" for title, line in told if line]


def card_line(card: Report) -> str:
    """Return the card's figures in a few words: the test that the model never learned from."""
    tests = [each for each in card.get("tests", []) if each]
    if not tests:
        return ""
    test = tests[-1]
    return (
        f"{test['name']}: {test['escapes']} of {test['defective']} defects missed, "
        f"{100 * test['accuracy']:.2f} % right of {test['pictures']}"
    )


def _agent(agent: Report) -> list[str]:
    if not agent["running"]:
        return []
    lines = [f"the agent judges by {agent['title'] or 'no model'} since {agent['since']}"]
    probation, shadow = agent["probation"], agent["shadow"]
    if probation:
        lines.append(probation_line(probation))
        lines += [f"probation found: {each}" for each in probation["findings"]]
    if shadow:
        lines += shadow_lines(shadow)
    return lines


def probation_line(probation: Report) -> str:
    """Return how far the probation is."""
    return (
        f"probation {probation['state']}: {probation['parts']} of {probation['wanted_parts']} "
        f"parts, {probation['minutes']:.1f} of {probation['wanted_minutes']:g} minutes"
    )


def shadow_lines(shadow: Report) -> list[str]:
    """Return how the shadow differs from the model that judges."""
    lines = [
        f"shadow {shadow['title']}: {shadow['agree']} of {shadow['parts']} parts alike; "
        f"{shadow['only_new_rejects']} rejected by it alone, "
        f"{shadow['only_old_rejects']} by the other alone, "
        f"{shadow['rechecks_differ']} differ in RECHECK",
        f"pictures of the differences: {shadow['pictures']}",
    ]
    if shadow["dropped"] or shadow["failed"]:
        lines.append(
            f"not compared: {shadow['dropped']} parts that came too fast for it, "
            f"{shadow['failed']} that it could not judge"
        )
    return lines


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=True)


def show_line(console: Console, text: str, style: str = "") -> None:
    """Print one sentence as it is, with its style where there is a terminal."""
    _line(console, text, style)
