"""Rows from before the clock was set are read with the time they should have had."""

import csv
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_ledger import SECOND_NS, START_WALL_NS, MadeLedger

from agent.ledger.balance import read_balance
from agent.ledger.export import export_csv
from agent.ledger.reader import Selection
from agent.ledger.wall_labels import Anchor, WallLabels

LATE_NS = START_WALL_NS + 3600 * SECOND_NS
EVERYTHING = Selection()


@pytest.fixture
def made(tmp_path):
    """Return the ledger of a board without a clock of its own: it begins in 1970."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    made = MadeLedger(folder)
    made.clock.step_wall(1005 * SECOND_NS - START_WALL_NS)
    made.clock.wall_known = False
    made.start()
    made.note("clock_unsure", "the wall clock is not known to be right")
    yield made
    made.stop()


def set_clock(made):
    """Let a time service set the clock."""
    made.clock.step_wall(LATE_NS - made.clock.wall_ns())
    made.clock.wall_known = True


def table(made, tmp_path, selection=EVERYTHING):
    """Return the exported rows."""
    file = tmp_path / "parts.csv"
    export_csv(made.folder, file, selection)
    with file.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def seconds(row):
    """Return where in its minute a row's time lies."""
    return row["at"][:10], row["at"][11:19]


def test_parts_from_before_the_clock_was_set_get_their_true_time(made, tmp_path):
    """Two parts in 1970, then the clock is set: all four lie a second apart, on the right day."""
    made.run("PR")
    set_clock(made)
    made.note("clock_known", "a time service has set the wall clock")
    made.run("PR")
    rows = table(made, tmp_path)
    assert [seconds(row) for row in rows] == [
        ("2023-11-14", "23:13:19"), ("2023-11-14", "23:13:20"),
        ("2023-11-14", "23:13:21"), ("2023-11-14", "23:13:22"),
    ]  # fmt: skip
    assert [row["corrected"] for row in rows] == ["True", "True", "False", "False"]
    assert {row["clock_ok"] for row in rows} == {"True"}


def test_the_label_that_was_written_stays_in_the_file(made, tmp_path):
    """Reading corrects; the row keeps what it got, and the table shows that too."""
    made.run("P")
    set_clock(made)
    made.note("clock_known", "a time service has set the wall clock")
    (row,) = table(made, tmp_path)
    with closing(sqlite3.connect(made.folder / "ledger.sqlite")) as connection:
        kept = connection.execute("SELECT wall_ns, clock_ok FROM part").fetchone()
    assert kept == (int(row["wall_ns"]), 0)
    assert kept[0] < 1010 * SECOND_NS


def test_a_clock_that_was_never_set_corrects_nothing(made, tmp_path):
    """What nobody knows is marked unsure, and is not guessed."""
    made.run("PR")
    rows = table(made, tmp_path)
    assert {(row["clock_ok"], row["corrected"], row["at"][:4]) for row in rows} == {
        ("False", "False", "1970")
    }


def test_an_agent_that_starts_anew_with_a_known_clock_is_enough(made, tmp_path):
    """It has nothing to tell of the clock; its own parts say how far it was off."""
    made.run("P")
    made.stop()
    set_clock(made)
    made.start()
    made.run("P")
    before, after = table(made, tmp_path)
    assert (seconds(before), before["corrected"]) == (("2023-11-14", "23:13:20"), "True")
    assert (seconds(after), after["corrected"]) == (("2023-11-14", "23:13:22"), "False")


def test_a_later_step_of_a_known_clock_moves_nothing_from_before(made, tmp_path):
    """Somebody sets it back by half an hour: what came before it was known stays where it was."""
    made.run("P")
    made.stop()
    set_clock(made)
    made.start()
    made.run("P")
    made.clock.step_wall(-1800 * SECOND_NS)
    made.run("P")
    assert [seconds(row)[1] for row in table(made, tmp_path)] == [
        "23:13:20", "23:13:22", "22:43:23",
    ]  # fmt: skip


def test_a_clock_that_is_lost_again_is_left_alone(made, tmp_path):
    """It runs on from the right time; what is written then is marked, and not corrected."""
    made.run("P")
    set_clock(made)
    made.note("clock_known", "a time service has set the wall clock")
    made.run("P")
    made.clock.wall_known = False
    made.run("P")
    assert [(row["clock_ok"], row["corrected"]) for row in table(made, tmp_path)] == [
        ("True", "True"), ("True", "False"), ("False", "False"),
    ]  # fmt: skip


def test_a_long_ledger_is_searched_in_slices(made, tmp_path, monkeypatch):
    """The first part with a known clock is found in whichever slice it lies."""
    monkeypatch.setattr("agent.ledger.wall_labels.SLICE_ROWS", 2)
    made.run("PRPRP")
    made.stop()
    set_clock(made)
    made.start()
    made.run("PRP")
    rows = table(made, tmp_path)
    assert [row["corrected"] for row in rows] == ["True"] * 5 + ["False"] * 3
    assert seconds(rows[0])[1] == "23:13:16"


def test_another_boot_of_the_machine_corrects_nothing(made, tmp_path):
    """The monotonic clock begins anew with each boot."""
    made.run("P")
    made.stop()
    made.host_boot = "boot-b"
    set_clock(made)
    made.start()
    made.note("clock_known", "a time service has set the wall clock")
    made.run("P")
    assert [row["corrected"] for row in table(made, tmp_path)] == ["False", "False"]


def test_a_day_is_asked_for_by_its_true_times(made, tmp_path):
    """`--since` finds a part of that day although it was written as one of 1970."""
    made.run("PR")
    set_clock(made)
    made.note("clock_known", "a time service has set the wall clock")
    made.run("P")
    the_day = Selection(since_wall_ns=START_WALL_NS)
    assert len(table(made, tmp_path, the_day)) == 3
    report = read_balance(made.folder, the_day)
    assert (report.total.triggers, report.total.passed) == (3, 2)


@given(
    st.integers(0, 10**15), st.integers(0, 10**15), st.integers(-(10**18), 10**18), st.booleans()
)
def test_differences_between_corrected_rows_are_those_of_the_monotonic_clock(
    first_ns, later_ns, offset_ns, known
):
    """No step of the wall clock comes between two rows of one boot."""
    labels = WallLabels({1: Anchor(max(first_ns, later_ns), offset_ns)})
    one, _ = labels.part(1, first_ns, 5, clock_ok=False)
    other, corrected = labels.part(1, later_ns, 7, clock_ok=False)
    assert corrected
    assert other - one == later_ns - first_ns
    assert labels.part(1, first_ns, 5, clock_ok=True) == (5, False)
    assert labels.part(2, first_ns, 5, clock_ok=known) == (5, False)
