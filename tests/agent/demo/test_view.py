"""The demo's picture shows what is."""

import io

from rich.console import Console

from agent.demo.view import LOOKS, Scene, draw, progress_line
from agent.records import Part, Reason, Trigger, Verdict, VerdictKind
from agent.tally import Tally


def scene(verdicts=()):
    """Return a scene with these verdicts."""
    tally = Tally()
    for verdict in verdicts:
        tally.trigger(verdict.part.trigger.at_ns)
        tally.verdict(verdict, verdict.part.trigger.at_ns + 9_000_000)
    return Scene("demo", tally.snapshot(), 10**9, 4 * 10**8, 60, 3, 1, "mosquitto", "in step")


def drawn(shown):
    """Return the picture as plain text."""
    console = Console(file=io.StringIO(), width=100)
    console.print(draw(shown))
    return console.file.getvalue()


def verdict(kind, number, age_ms):
    """Return a verdict for a part that came so long ago."""
    reason = Reason.LATE if kind is VerdictKind.UNINSPECTED else Reason.NONE
    at_ns = 10**9 - age_ms * 1_000_000
    return Verdict(Part(number, Trigger(1, number, at_ns)), kind, reason, 0.25,
                   ready_ns=at_ns, invoke_us=3000)  # fmt: skip


def test_an_empty_line_can_be_drawn():
    """Before the first part there are no figures, and that is shown as such."""
    text = drawn(scene())
    assert "0 parts = 0 PASS + 0 REJECT + 0 RECHECK + 0 UNINSPECTED" in text
    assert progress_line(scene()).startswith("part 0/60")


def test_every_verdict_has_a_sign_of_its_own():
    """The belt can be read without colours."""
    assert len({sign for sign, _ in LOOKS.values()}) == 4
    text = drawn(scene([verdict(kind, n, 100 * n) for n, kind in enumerate(VerdictKind, 1)]))
    assert all(sign in text for sign, _ in LOOKS.values())
    assert "late" in text
    assert "4 parts = 1 PASS + 1 REJECT + 1 RECHECK + 1 UNINSPECTED" in text


def test_a_rejected_part_leaves_the_belt_at_the_gate():
    """Beyond the gate only passed parts are drawn."""
    beyond = scene([verdict(VerdictKind.REJECT, 1, 440)])
    belt = next(line for line in drawn(beyond).splitlines() if "──" in line and "│" in line)
    assert LOOKS[VerdictKind.REJECT][0] not in belt
    beyond = scene([verdict(VerdictKind.PASS, 1, 440)])
    belt = next(line for line in drawn(beyond).splitlines() if "──" in line and "│" in line)
    assert LOOKS[VerdictKind.PASS][0] in belt


def test_the_plain_line_has_the_figures():
    """The line for logs shows counts, percentiles and results."""
    line = progress_line(scene([verdict(VerdictKind.PASS, 1, 50)]))
    assert "PASS 1" in line
    assert "p50 9.0 ms" in line
    assert "MQTT 3" in line
