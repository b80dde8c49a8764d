"""The page stands alone, opens in a browser without a word, and begins with what holds."""

import base64
import re

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")
pytest.importorskip("jinja2", reason="needs Jinja2: pip install 'linewarden[train]'")

from browser import needs_browser, open_page
from run_folders import figures, write_run

from training.comparison.compare import compare_runs
from training.comparison.page import PAGE, draw_plots, write_comparison
from training.errors import RunError
from training.pictures import decode_picture


@pytest.fixture
def comparison(tmp_path):
    """Return a comparison with folders, folds, an unfinished run and a hostile name."""
    paths = [write_run(tmp_path / "<b>run", "mobilenet_v2", test=figures(382, 0, 0, 237))]
    for fold in (1, 2):
        side = figures(390 - fold, 10 + fold, 2, 198, parts=(80, fold, 20, 1))
        paths.append(write_run(tmp_path / f"s{fold}", "mobilenet_v2", test=side, fold=(fold, 2)))
    paths.append(write_run(tmp_path / "late", "cnn", finished=False, epochs=0))
    return compare_runs(paths, costs=False)


def test_the_folder_holds_page_tables_and_plots(comparison, tmp_path):
    """Everything that the command promises is there and not empty."""
    page = write_comparison(comparison, tmp_path / "out")
    assert page == tmp_path / "out" / PAGE
    for name in ("compare.md", "compare.json", "figures.csv", "tables/table-1.csv"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    plots = sorted(path.stem for path in (tmp_path / "out" / "plots").iterdir())
    assert plots == [
        *("accuracies", "beside-paper", "confusions"),
        *("curves-1-mobilenet_v2-folders", "curves-2-mobilenet_v2-part-safe"),
    ]


def test_the_page_needs_nothing_else(comparison, tmp_path):
    """No script, no address, every picture inside; names of runs are text, not markup."""
    text = write_comparison(comparison, tmp_path / "out").read_text()
    assert "<script" not in text
    assert re.findall(r"(?:src|href)=\"(?!data:)", text) == []
    assert "http" not in re.sub(r"data:[^\"]*", "", text)
    assert "<b>run" not in text
    assert "&lt;b&gt;run" in text
    assert str(tmp_path) not in text
    first = re.search(r"<p class=\"claim[^>]*>(.*?)</p>", text, re.DOTALL).group(1)
    assert first.startswith("What holds: on parts never seen")
    picture = re.search(r"src=\"data:image/png;base64,([^\"]+)\"", text).group(1)
    assert decode_picture(base64.b64decode(picture)).shape[2] == 3


@pytest.mark.parametrize("place", range(5))
def test_every_plot_is_a_picture_with_something_on_it(comparison, place):
    """It can be read, is large enough, and stays readable in grey."""
    frame = decode_picture(list(draw_plots(comparison).values())[place])
    assert min(frame.shape[:2]) > 300
    assert np.asarray(frame).mean(axis=2).std() > 5


def test_the_poorest_comparison_makes_a_page(tmp_path):
    """One run that was just begun: no figures, no plots, and the page says so."""
    run = write_run(tmp_path / "run", "resnet", finished=False, epochs=0)
    text = write_comparison(compare_runs([run], costs=False), tmp_path / "out").read_text()
    assert "no run here was tested" in text
    assert "unfinished after 0 epochs" in text
    assert "<img" not in text


def test_a_folder_that_cannot_be_written_is_one_line(comparison, tmp_path):
    """A file in the way of --out."""
    (tmp_path / "out").write_text("")
    with pytest.raises(RunError, match="cannot write to"):
        write_comparison(comparison, tmp_path / "out")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_opens_it_without_a_word(comparison, tmp_path, dark):
    """Nothing on its console, and something to see."""
    page = write_comparison(comparison, tmp_path / "out")
    assert open_page(page, tmp_path / "page.png", dark=dark) == []
    frame = decode_picture((tmp_path / "page.png").read_bytes())
    assert frame.std() > 10
    assert (frame.mean() < 128) == dark
