"""The page of an evaluation needs nothing else, says its caveats first and opens in a browser."""

import csv
import json
import re

import cv2
import numpy as np
import pytest
from browser import needs_browser, open_page

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")
pytest.importorskip("jinja2", reason="needs Jinja2: pip install 'linewarden[train]'")

from bundle.manifest import InputSpec, Thresholds
from training.assess import evaluate_judge, evaluation_json
from training.dataset import read_index
from training.errors import RunError
from training.report.caveats import list_caveats
from training.report.page import write_evaluation
from training.scoring import Judge


def _half_blind(batch):
    """Give logits by how many pixels of the middle are dark: small holes are missed."""
    dark = (batch[:, 8:24, 8:24] < 100).mean(axis=(1, 2, 3)) * 60.0
    return np.stack([dark - 5.0, np.zeros(len(batch))], axis=1).astype(np.float32)


def _judge(**changes):
    values = {
        "title": "run of a <tiny> net",
        "infer": _half_blind,
        "input": InputSpec(height=32, width=32, frame_height=40, frame_width=40),
        "labels": ("bad", "ok"),
        "defective": ("bad",),
        "thresholds": Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand"),
    }
    return Judge(**{**values, **changes})


def _with_parts(root):
    """Return what a split file would say: two pictures show one part."""
    return {p.sha256: place // 2 for place, p in enumerate(read_index(root).pictures)}


def _ramp(pictures):
    return np.tile(np.linspace(0, 1, 32, dtype=np.float32), (len(pictures), 32, 1))


@pytest.fixture
def spotted(plain):
    """Return data with two defective parts that show next to nothing, and one good with a spot."""
    for name in ("bad/000.png", "bad/001.png", "bad/004.png"):
        cv2.imwrite(str(plain / name), np.full((40, 40, 3), 200 + int(name[6]), np.uint8))
    frame = np.full((40, 40, 3), 210, np.uint8)
    cv2.circle(frame, (20, 20), 7, (5, 5, 5), thickness=-1)
    cv2.imwrite(str(plain / "ok" / "003.png"), frame)
    return plain


def test_the_folder_has_everything(spotted, tmp_path):
    """Figures, scores, plots and the page; nothing in them names a place of this machine."""
    judge = _judge(part_of=_with_parts(spotted))
    evaluation = evaluate_judge(judge, spotted)
    out = tmp_path / "deep" / "report"
    write_evaluation(evaluation, judge, spotted, out, {"a ramp": _ramp})
    content = json.loads((out / "evaluation.json").read_text())
    assert content == json.loads(json.dumps(evaluation_json(evaluation)))
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == [each.name for each in evaluation.pictures]
    assert {row["part"] for row in rows} == {str(number) for number in range(10)}
    names = {path.name for path in (out / "plots").iterdir()}
    assert names == {
        "confusion.png", "roc.png", "precision-recall.png", "scores.png", "reliability.png",
        "escapes.png",
    }  # fmt: skip
    page = (out / "evaluation.html").read_text()
    for text in (page, (out / "evaluation.json").read_text()):
        assert str(tmp_path) not in text
    assert page.count("heat map: a ramp") == 10  # a heat map for each part
    assert page.count('class="case wrong"') == 3  # two parts that escape, one rejected
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "<tiny>" not in page
    assert "None" not in re.sub(r"data:[^\"]+", "", page)


def test_the_caveats_come_before_the_figures(spotted, tmp_path):
    """Whoever reads the page learns first what the figures leave out."""
    judge = _judge()
    evaluation = evaluate_judge(judge, spotted)
    write_evaluation(evaluation, judge, spotted, tmp_path / "out", {})
    page = (tmp_path / "out" / "evaluation.html").read_text()
    caveats = list_caveats(evaluation)
    assert any("which pictures show the same part is not known" in one for one in caveats)
    assert page.index("Which pictures show the same part") < page.index("accuracy by picture")
    assert "heat map" not in page
    write_evaluation(evaluation, judge, spotted, tmp_path / "out", {})  # written anew over the old


@pytest.mark.parametrize("kind", ["bad", "ok"])
def test_one_kind_alone_still_has_a_page(plain, tmp_path, kind):
    """Without defective, or without good pictures, half of the figures are dashes."""
    seen = frozenset(p.sha256 for p in read_index(plain).pictures if p.label != kind)
    judge = _judge(seen=seen, part_of=_with_parts(plain), thresholds=None)
    evaluation = evaluate_judge(judge, plain)
    write_evaluation(evaluation, judge, plain, tmp_path / "out", {})
    missing = "defective" if kind == "ok" else "good"
    assert f"There is no {missing} picture" in (tmp_path / "out" / "evaluation.html").read_text()
    json.dumps(evaluation_json(evaluation), allow_nan=False)


def test_a_folder_that_cannot_be_written_is_said(spotted, tmp_path):
    """A file in the way is one line of ours."""
    (tmp_path / "file").write_text("in the way")
    judge = _judge()
    with pytest.raises(RunError, match="cannot write"):
        write_evaluation(
            evaluate_judge(judge, spotted), judge, spotted, tmp_path / "file" / "x", {}
        )


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_it_without_a_complaint(spotted, tmp_path, dark):
    """A real browser loads it from disk, its console stays empty, and something is on it."""
    judge = _judge(part_of=_with_parts(spotted))
    evaluation = evaluate_judge(judge, spotted)
    write_evaluation(evaluation, judge, spotted, tmp_path / "out", {"a ramp": _ramp})
    shot = tmp_path / "page.png"
    assert open_page(tmp_path / "out" / "evaluation.html", shot, dark=dark) == []
    picture = cv2.imread(str(shot))
    assert picture.std() > 20
    assert (picture[5, 5].mean() < 60) == dark
