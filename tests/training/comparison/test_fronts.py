"""A front file is read strictly, compared on one machine only, and shown on the page."""

import csv
import io
import json
import re

import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")
pytest.importorskip("jinja2", reason="needs Jinja2: pip install 'linewarden[train]'")

import typer
from run_folders import figures, write_run
from typer.testing import CliRunner

from training.commands.compare import compare
from training.comparison.compare import compare_runs
from training.comparison.fronts import front_table, fronts_csv, read_fronts
from training.comparison.page import write_comparison
from training.comparison.text import comparison_json
from training.errors import OptionError, RunError
from training.pictures import decode_picture


def made_point(name, p50_ms, accuracy, **more):
    """Return a point as the export writes it, with what the training does not take, too."""
    return {
        "name": name,
        "network": "mobilenet_v2",
        "step": "pruned, int8",
        "size": 64,
        "widths": {"first": 8},
        "model": f"{name}/model.keras",
        "macs": 1_500_000,
        "model_bytes": 250_000,
        "p50_ms": p50_ms,
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.0125, accuracy + 0.0025],
        "escapes": 3,
        **more,
    }


def made_front():
    """Return the content of a front file: two of the best and one that is beaten."""
    return {
        "schema_version": 1,
        "machine": {"cpu": "a processor"},
        "threads": 1,
        "points": [
            made_point("64-at-30", 1.25, 0.95),
            made_point("<b>beaten", 2.0, 0.9, accuracy_interval=None),
            made_point("64-at-70", 2.5, 0.99),
        ],
        "best": ["64-at-30", "64-at-70"],
    }


def write_front(path, **changes):
    """Write a front file with some keys changed; return its path."""
    path.write_text(json.dumps({**made_front(), **changes}))
    return path


@pytest.fixture
def comparison(tmp_path):
    """Return a comparison of one run."""
    run = write_run(tmp_path / "run", "mobilenet_v2", test=figures(382, 0, 0, 237))
    return compare_runs([run], costs=False)


def test_the_page_has_plot_and_table_and_both_lie_beside_it(comparison, tmp_path):
    """Names are text, not markup; the plot is a picture in the page and a file."""
    fronts = read_fronts([write_front(tmp_path / "front.json")])
    page = write_comparison(comparison, tmp_path / "out", fronts).read_text()
    assert "<h2>Slim models: accuracy against time</h2>" in page
    assert re.search(r'<img class="plot" src="data:image/png;base64,[^"]+" alt="Slim models', page)
    assert "&lt;b&gt;beaten" in page
    assert "<b>beaten" not in page
    assert min(decode_picture((tmp_path / "out" / "pareto.png").read_bytes()).shape[:2]) > 300
    assert (tmp_path / "out" / "pareto.csv").read_text() == fronts_csv(fronts)


def test_without_fronts_the_page_says_nothing_of_them(comparison, tmp_path):
    """No heading, no plot, no file."""
    page = write_comparison(comparison, tmp_path / "out").read_text()
    assert "Slim models" not in page
    assert list((tmp_path / "out").glob("pareto.*")) == []


def test_the_json_beside_the_page_has_the_fronts(comparison, tmp_path):
    """Each with its machine, its models and which of them are the best; none without fronts."""
    fronts = read_fronts([write_front(tmp_path / "front.json")])
    write_comparison(comparison, tmp_path / "out", fronts)
    (front,) = json.loads((tmp_path / "out" / "compare.json").read_text())["fronts"]
    assert (front["machine"], front["threads"]) == ({"cpu": "a processor"}, 1)
    assert front["best"] == ["64-at-30", "64-at-70"]
    assert [point["accuracy"] for point in front["points"]] == [0.95, 0.9, 0.99]
    assert front["points"][1]["accuracy_interval"] is None
    assert comparison_json(comparison)["fronts"] == []


def test_the_table_marks_the_best_and_the_csv_has_numbers(tmp_path):
    """Fastest first, over all fronts; an interval that is not known is left out."""
    fast = write_front(tmp_path / "b.json", points=[made_point("x", 0.5, 0.5)], best=["x"])
    fronts = read_fronts([write_front(tmp_path / "a.json"), fast])
    table = front_table(fronts)
    assert [row[0] for row in table.rows] == ["x", "64-at-30", "<b>beaten", "64-at-70"]
    assert table.strong == (0, 1, 3)
    assert table.rows[1] == (
        *("64-at-30", "MobileNetV2", "64x64", "pruned, int8", "1.5", "0.25 MB", "1.25 ms"),
        *("95.00 % (93.75..95.25)", "3"),
    )
    lines = list(csv.DictReader(io.StringIO(fronts_csv(fronts))))
    assert [line["best"] for line in lines] == ["1", "1", "0", "1"]
    assert [line["p50_ms"] for line in lines] == ["0.5", "1.25", "2.0", "2.5"]
    assert (lines[2]["accuracy"], lines[2]["low"], lines[2]["high"]) == ("0.9", "", "")
    assert lines[1]["macs"] == "1500000"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": []}, "points"),
        ({"schema_version": 2}, "schema_version"),
        ({"best": ["none"]}, "best names a point that is not there"),
        ({"points": [made_point("64-at-30", "1.25", 0.9)]}, "p50_ms"),
        ({"points": [made_point("64-at-30", -1.0, 0.9)]}, "p50_ms"),
        ({"points": [made_point("64-at-30", 1.0, 1.5)]}, "accuracy"),
    ],
)
def test_what_is_no_front_is_refused(tmp_path, changes, words):
    """The message names the file and the fault."""
    with pytest.raises(RunError, match=rf"front\.json is no front: .*{words}"):
        read_fronts([write_front(tmp_path / "front.json", **changes)])


def test_times_of_two_machines_do_not_stand_in_one_plot(tmp_path):
    """Neither do those of one thread and of four."""
    ours = write_front(tmp_path / "a.json")
    for changes, words in (({"machine": {"cpu": "b"}}, "b, 1 thread"), ({"threads": 4}, "4 thr")):
        other = write_front(tmp_path / "b.json", **changes)
        with pytest.raises(RunError, match=rf"b\.json was timed on .*{words}.*plot them apart"):
            read_fronts([ours, other])


def run_compare(*arguments):
    """Run the command; return what it printed or raise what it raised."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("compare")(compare)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result


def test_a_broken_front_is_one_line_before_anything_loads(tmp_path):
    """The fault is told in one line, and no page is begun."""
    run = write_run(tmp_path / "run", test=figures(9, 1, 1, 9))
    broken = tmp_path / "front.json"
    broken.write_text('{"points": [')
    out = tmp_path / "out"
    for path, words in ((broken, "is no front"), (tmp_path / "none.json", "cannot read the front")):
        with pytest.raises(RunError, match=words) as told:
            run_compare(run, "--out", out, "--pareto", path)
        assert "\n" not in str(told.value)
    assert not out.exists()


def test_slim_models_need_a_page_or_json(tmp_path):
    """The terminal's table has no place for them."""
    with pytest.raises(OptionError, match="--pareto needs --out or --json"):
        run_compare(tmp_path, "--pareto", tmp_path / "front.json")


@pytest.mark.train
def test_a_program_gets_the_slim_models_without_a_page(tmp_path):
    """They are in the object that `--json` prints."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    run = write_run(tmp_path / "run", test=figures(9, 1, 1, 9))
    front = write_front(tmp_path / "front.json")
    said = run_compare(run, "--pareto", front, "--no-latency", "--json")
    (shown,) = json.loads(said.stdout)["fronts"]
    assert [point["name"] for point in shown["points"]] == ["64-at-30", "<b>beaten", "64-at-70"]
