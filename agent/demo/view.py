"""The demo's picture in the terminal: belt, verdicts, rates, latencies, balance."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.records import Verdict, VerdictKind
from agent.tally import Latency, Snapshot

# Colour and sign, so that the picture can be read without colours too.
LOOKS = {
    VerdictKind.PASS: ("●", "green"),
    VerdictKind.REJECT: ("✖", "bold red"),
    VerdictKind.RECHECK: ("▲", "yellow"),
    VerdictKind.UNINSPECTED: ("?", "magenta"),
}
BELT_WIDTH = 74
TRAVEL_SHARE = 0.8  # of the belt's picture lies between camera and gate


@dataclass(frozen=True, slots=True)
class Scene:
    """All that one picture of the demo shows."""

    title: str
    snapshot: Snapshot
    now_ns: int
    delay_ns: int
    parts: int
    results: int
    backlog: int
    broker: str
    gate: str


def draw(scene: Scene) -> RenderableType:
    """Return the whole picture."""
    return Panel(
        Group(_belt(scene), Text(), _numbers(scene), Text(), _recent(scene.snapshot.recent)),
        title=scene.title,
        subtitle=f"part {scene.snapshot.triggers} of {scene.parts}   Ctrl-C ends",
        padding=(1, 2),
    )


def progress_line(scene: Scene) -> str:
    """Return one plain line that says the same, for where there is no terminal."""
    counts = "  ".join(f"{kind.value} {n}" for kind, n in scene.snapshot.verdicts.items())
    latency = scene.snapshot.trigger_to_verdict
    shown = f"  p50 {latency.p50_ms:.1f} ms  p99 {latency.p99_ms:.1f} ms" if latency else ""
    return f"part {scene.snapshot.triggers}/{scene.parts}  {counts}{shown}  MQTT {scene.results}"


def _belt(scene: Scene) -> Text:
    """Draw the parts between camera and gate, each with its verdict once it has one."""
    camera, gate = 4, 4 + round((BELT_WIDTH - 6) * TRAVEL_SHARE)
    cells = [("─", "dim")] * BELT_WIDTH
    for verdict in scene.snapshot.recent:
        age_ns = scene.now_ns - verdict.part.trigger.at_ns
        place = camera + round(age_ns / scene.delay_ns * (gate - camera))
        passed = verdict.kind is VerdictKind.PASS
        if 0 <= place < BELT_WIDTH and (place <= gate or passed):
            cells[place] = LOOKS[verdict.kind]
    marks = [" "] * BELT_WIDTH
    marks[camera : camera + 6] = "camera"
    marks[gate - 1 : gate + 3] = "gate"
    line = Text()
    for sign, style in cells:
        line.append(sign, style)
    return Text("".join(marks) + "\n", "dim") + line


def _numbers(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 3))
    snapshot = scene.snapshot
    in_work = snapshot.triggers - sum(snapshot.verdicts.values())
    balance = Text.assemble(f"{snapshot.triggers} parts = ")
    for number, (kind, count) in enumerate(snapshot.verdicts.items()):
        balance.append_text(Text(" + " if number else ""))
        balance.append_text(Text(f"{count} {kind.value}", LOOKS[kind][1]))
    table.add_row("balance", balance)
    table.add_row("in work", str(in_work))
    table.add_row("rate", f"{snapshot.parts_per_s:.1f} parts/s")
    for name, latency in (
        ("trigger → verdict at the gate", snapshot.trigger_to_verdict),
        ("frame in hand → verdict", snapshot.hand_to_gate),
        ("model alone", snapshot.invoke),
    ):
        table.add_row(name, _percentiles(latency))
    table.add_row("gate", scene.gate)
    table.add_row("MQTT", f"{scene.results} results received, {scene.backlog} waiting "
                          f"({scene.broker})")  # fmt: skip
    return table


def _percentiles(latency: Latency | None) -> str:
    if latency is None:
        return "-"
    return (
        f"p50 {latency.p50_ms:6.2f}   p90 {latency.p90_ms:6.2f}   p99 {latency.p99_ms:6.2f}   "
        f"worst {latency.worst_ms:6.2f} ms"
    )


def _recent(verdicts: tuple[Verdict, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    for verdict in verdicts[-8:][::-1]:
        sign, style = LOOKS[verdict.kind]
        score = "" if verdict.score is None else f"defect score {verdict.score:.3f}"
        why = verdict.reason.value if verdict.kind is VerdictKind.UNINSPECTED else ""
        invoke = "" if verdict.invoke_us is None else f"{verdict.invoke_us / 1000:.1f} ms"
        kind = Text(f"{sign} {verdict.kind.value:<11}", style)
        table.add_row(f"part {verdict.part.seq}", kind, score, why, Text(invoke, "dim"))
    return table
