"""Tables, claims and warnings of comparisons made by hand."""

import csv
import io
import json

import pytest
from run_folders import figures, write_run

from training.comparison.claims import find_claims
from training.comparison.compare import compare_runs
from training.comparison.paper_table import table_1
from training.comparison.records import Cost
from training.comparison.tables import accuracy_table, all_tables, cost_table, line_table
from training.comparison.text import (
    comparison_json,
    comparison_markdown,
    figures_csv,
    table_csv,
    table_lines,
)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a run and returns its path."""
    return lambda name, *rest, **more: write_run(tmp_path / name, *rest, **more)


@pytest.fixture
def both(write):
    """Return a comparison of two networks on the folders, one of them on three folds too."""
    paths = [
        write("mobile", "mobilenet_v2", test=figures(382, 0, 0, 237)),
        write("cnn", "cnn", test=figures(377, 5, 4, 233)),
    ]
    for fold in (1, 2, 3):
        side = figures(390 - fold, 10 + fold, fold, 200 - fold, parts=(80, fold, 20, 1))
        paths.append(write(f"safe-{fold}", "mobilenet_v2", test=side, fold=(fold, 3)))
    return compare_runs(paths, costs=False)


def _row(table, model, start):
    (found,) = [row for row in table.rows if row[0] == model and row[1].startswith(start)]
    return dict(zip(table.columns, found, strict=True))


def test_table_1_sets_paper_folders_and_new_parts_side_by_side(both):
    """Three rows of one network, each with its own counts; only part-safe ones are strong."""
    table = table_1(both)
    assert [row[:2] for row in table.rows if row[0] == "MobileNetV2"] == [
        ("MobileNetV2", "the paper"),
        ("MobileNetV2", "ours, folders as given"),
        ("MobileNetV2", "ours, part-safe, all 3 folds"),
    ]
    assert _row(table, "MobileNetV2", "the paper")["defective called good"] == "24 of 899"
    assert _row(table, "MobileNetV2", "ours, folders")["accuracy"].startswith("100.00 % (99.38")
    safe = _row(table, "MobileNetV2", "ours, part-safe")
    assert safe["defective called good"] == "36 of 1200"
    assert safe["recall"].startswith("97.00 % (96.")
    assert [table.rows[place][1] for place in table.strong] == ["ours, part-safe, all 3 folds"]


def test_table_1_invents_nothing_of_the_paper(both):
    """What follows from its matrix is marked, what is not known is said to be not given."""
    table = table_1(both)
    row = _row(table, "EfficientNetB0", "the paper")
    assert (row["accuracy"], row["recall"], row["AUC"]) == ("98.75 %", "98.11 % †", "not given")
    cnn = _row(table, "CNN", "the paper")
    assert cnn["accuracy"] == "printed 94.68 %; 59.03 % †"
    assert cnn["precision"] == "printed 34.84 %; 59.03 % †"
    assert cnn["recall"] == "printed 59.03 %; 100.00 % †"


def test_a_network_that_the_paper_does_not_have_stands_alone(write):
    """Nothing of the paper is shown beside other networks."""
    comparison = compare_runs([write("run", "resnet", test=figures(9, 1, 0, 10))], costs=False)
    assert [row[:2] for row in table_1(comparison).rows] == [("resnet", "ours, folders as given")]
    assert comparison_json(comparison)["paper"] == []


def test_rows_alike_are_told_apart_by_their_runs(write):
    """Two runs of one network on the same kind of split."""
    paths = [write(name, "cnn", test=figures(9, 1, 0, 10)) for name in ("first", "second")]
    figures_column = [row[1] for row in table_1(compare_runs(paths, costs=False)).rows]
    assert "ours, folders as given: first" in figures_column
    assert "ours, folders as given: second" in figures_column


def test_the_line_table_gives_a_bound_where_parts_are_known(both):
    """6 of 240 defective parts escape: the exact one-sided bound is 4.88 %."""
    row = _row(line_table(both), "MobileNetV2", "part-safe")
    assert row["escaped parts"].startswith("6 of 240, bound 4.8")
    assert row["recall by part"].startswith("97.50 % (94.")
    assert _row(line_table(both), "MobileNetV2", "folders")["escaped parts"] == "parts not known"


def test_accuracies_of_all_three_sides(both):
    """Training, validation and test, with where the first comes from."""
    table = accuracy_table(both)
    row = _row(table, "CNN", "folders")
    assert (row["training"], row["validation"]) == ("89.00 %", "97.53 %")
    assert row["test"].startswith("98.55 %")
    assert "on varied pictures, while learning" in table.note


def test_costs_are_shown_once_for_each_network_and_size(both):
    """Folds cost the same; a FLOP is half a multiply-accumulate."""
    cost = Cost(2_259_970, 300_000_000, (), 12.345, 30)
    entries = tuple(
        type(each)(each.runs, each.training, each.validation, each.test, cost)
        for each in both.entries
        if each.network == "mobilenet_v2"
    )
    comparison = type(both)(entries, both.machine)
    assert cost_table(comparison).rows == (
        ("MobileNetV2", "224x224x1", "2,259,970", "300.0", "600.0", "-", "12.3 ms"),
    )
    assert "not the device's" in " ".join(cost_table(comparison).note.split())
    assert cost_table(both).rows == ()


def test_the_first_claim_is_what_holds_for_new_parts(both):
    """The best part-safe entry, by picture and by part; then what does not hold."""
    holds, fails = find_claims(both)
    assert holds.holds
    assert "MobileNetV2 (part-safe, all 3 folds)" in holds.text
    assert "6 of 240 defective parts have a picture that is passed" in holds.text
    assert not fails.holds
    assert "the 100.00 % of MobileNetV2 on the folders as given" in fails.text
    assert "the paper has 98.36 %" in fails.text
    assert "On parts never seen it is 97." in fails.text


def test_without_a_part_safe_run_nothing_holds(write):
    """The page then begins with what is missing, and with the command that gives it."""
    claims = find_claims(compare_runs([write("run", test=figures(9, 0, 0, 9))], costs=False))
    assert not any(claim.holds for claim in claims)
    assert "nothing yet for parts never seen" in claims[0].text
    assert "audit DATA --write-split" in claims[0].text
    (claim,) = find_claims(compare_runs([write("untested")], costs=False))
    assert "no run here was tested" in claim.text


@pytest.mark.parametrize(
    ("counts", "called"), [((9, 0, 11, 0), "defective"), ((0, 9, 0, 11), "good")]
)
def test_a_one_class_model_is_named(write, counts, called):
    """As the paper's CNN is: whatever its accuracy, it tells nothing apart."""
    claims = find_claims(compare_runs([write("one", test=figures(*counts))], costs=False))
    assert any(f"one calls every picture {called}" in claim.text for claim in claims)


def test_warnings_name_what_makes_figures_less_comparable(write):
    """Leaks, other data, other sizes, pictures seen in training, missing folds, no figures."""
    paths = [
        write("a", test=figures(9, 1, 0, 10, included_seen=4, data_fingerprint="f" * 64)),
        write("b", test=figures(9, 1, 0, 10, data_fingerprint="e" * 64), size=160),
        write("c", test=figures(9, 1, 0, 10), fold=(1, 3), fingerprint="4" * 64),
        write("d", test=figures(9, 1, 0, 10), fingerprint="5" * 64),
        write("e", finished=False),
    ]
    text = "\n".join(compare_runs(paths, costs=False).warnings)
    for expected in (
        "a, b, d: tested on the folders as given",
        "a: 4 test pictures were seen in training",
        "different pictures: 111111111111, 555555555555",
        "different input sizes: 160x160, 224x224",
        "tested on 2 different sets",
        "CNN: 1 of 3 folds",
        "e is unfinished after 3 epochs",
    ):
        assert expected in text
    assert "share most of their training parts" not in text


def test_runs_that_are_alike_need_no_warning_but_that_of_folds(write):
    """Three folds with one recipe on the same pictures."""
    paths = [write(f"f{n}", test=figures(9, n, 0, 10), fold=(n, 3)) for n in (1, 2, 3)]
    (warning,) = compare_runs(paths, costs=False).warnings
    assert "share most of their training parts" in warning


def test_markdown_holds_every_table_and_the_doubt(both):
    """Each row has as many cells as its table has columns; new parts' rows are bold."""
    text = comparison_markdown(both)
    for table in all_tables(both):
        assert f"## {table.title}" in text
    assert "contradicts" not in text.split("## ")[0].splitlines()[0]
    assert "94.68 % for its CNN" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {len(table.columns) - 1 for table in all_tables(both)}
    assert "**ours, part-safe, all 3 folds**" in text


def test_csv_reads_back(both):
    """Cells with commas survive; the numbers come in full."""
    table = table_1(both)
    assert tuple(map(tuple, csv.reader(io.StringIO(table_csv(table))))) == (
        table.columns,
        *table.rows,
    )
    rows = list(csv.DictReader(io.StringIO(figures_csv(both))))
    (accuracy,) = [
        row
        for row in rows
        if (row["network"], row["figures"], row["side"], row["figure"])
        == ("cnn", "ours", "test", "accuracy")
    ]
    assert float(accuracy["value"]) == pytest.approx(610 / 619)
    assert accuracy["basis"] == "pictures"
    printed = [row for row in rows if row["figures"] == "paper" and row["basis"] == "printed"]
    assert {row["figure"] for row in printed} == {"accuracy", "precision", "recall"}


def test_the_json_is_json_and_knows_no_path(both, tmp_path):
    """Programs get numbers, the paper's doubts and the state of each run."""
    text = json.dumps(comparison_json(both), allow_nan=False)
    assert str(tmp_path) not in text
    content = json.loads(text)
    assert [
        entry["split"] for entry in content["entries"] if entry["network"] == "mobilenet_v2"
    ] == [
        "folders as given",
        "part-safe, all 3 folds",
    ]
    (cnn,) = [model for model in content["paper"] if model["network"] == "cnn"]
    assert cnn["consistent"] is False
    assert content["entries"][0]["runs"][0]["state"] == "finished"


def test_terminal_lines_are_aligned(both):
    """Columns begin at the same place in every line."""
    lines = table_lines(table_1(both))
    assert len({line.index("the paper") for line in lines if "the paper" in line}) == 1
