"""The separate judge of a board's line: belt, wire, ledger and subscriber held together; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from agent.sim.judge import PASS, BeltPart, judge

Key = tuple[int, int]
UNINSPECTED = "UNINSPECTED"


def disagreements(
    belt: Iterable[BeltPart],
    wire: set[Key],
    rows: Iterable[Mapping[str, Any]],
    results: Iterable[Mapping[str, Any]],
) -> list[str]:
    """Return a sentence for each thing in which the four accounts differ; none is as it must be.

    `belt` is what met the gate, `wire` every permission that was sent, `rows` the ledger and
    `results` what a subscriber got, repeats included.
    """
    parts, ledger = tuple(belt), list(rows)
    told = judge(parts, [(row["boot"], row["gate_part"], row["verdict"]) for row in ledger])
    found = [f"went through without a PASS of its own: {part}" for part in told.wrong_part]
    found += [f"has no row: {part}" for part in told.without_row]
    found += [f"has no part: {row}" for row in told.rows_without_part]
    found += [f"has two rows: {key}" for key in told.double_rows]
    passed = {(part.boot, part.part) for part in parts if part.passed}
    found += [f"went through without a permission on the wire: {key}" for key in passed - wire]
    verdicts = {(row["boot"], row["gate_part"]): row["verdict"] for row in ledger}
    # A permission that was void at the gate (no heartbeat, a restart) leaves the part diverted and
    # its row UNINSPECTED; one for a part that was found bad is never sent.
    void = {key for key, verdict in verdicts.items() if verdict == UNINSPECTED} - passed
    wrong = sorted(key for key in wire - void if verdicts.get(key) != PASS)
    found += [f"was permitted, and its row says {verdicts.get(key)}: {key}" for key in wrong]
    return found + _untold(ledger, list(results))


def _untold(rows: list[Mapping[str, Any]], results: list[Mapping[str, Any]]) -> list[str]:
    known = {row["seq"]: (row["verdict"], row["outcome"], row["score"]) for row in rows}
    found = [
        f"was told otherwise than its row: {each}"
        for each in results
        if known.get(each["seq"]) != (each["verdict"], each["outcome"], each.get("score"))
    ]
    names = Counter((result["id"], result["verdict"]) for result in results)
    if len({name for name, _ in names}) != len(names):
        found.append("one id was told with two verdicts")
    heard = {result["seq"] for result in results}
    silent = [row["seq"] for row in rows if row["published"] and row["seq"] not in heard]
    return found + [f"marked as published and never heard: {seq}" for seq in silent]
