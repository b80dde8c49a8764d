"""The page holds every finding and the pictures it speaks of, and needs nothing but itself."""

import csv
import io
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from audit_data import QuietProgress, draw_textured, turn, write_known_parts, write_picture
from audit_made import made_audit, some_picture, spotless_audit
from browser import needs_browser, open_page

from training.audit.audit import audit_folder
from training.audit.findings import list_findings
from training.audit.page import control_text, render_audit
from training.audit.parts import Control
from training.audit.report import audit_json, write_audit
from training.audit.split import SplitPlan, make_splits
from training.errors import DataError


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Return the audit of a folder in which nearly everything is wrong."""
    root = tmp_path_factory.mktemp("full") / "all <wrong> & more"
    write_known_parts(root, 4)
    write_picture(root / "train" / "ok" / "swapped.jpeg", turn(draw_textured(0), 20))
    write_picture(root / "train" / "bad" / "flat.png", np.full((200, 200), 90, np.uint8))
    write_picture(root / "train" / "bad" / "tiny.png", cv2.resize(draw_textured(50), (20, 20)))
    write_picture(root / "test" / "ok" / "same.png", draw_textured(60))
    write_picture(root / "train" / "ok" / "same.png", draw_textured(60))
    (root / "train" / "bad" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return audit_folder(root, QuietProgress())


@pytest.fixture(scope="module")
def page(full):
    """Return its page, with a split."""
    (split,) = make_splits(full.scan.pictures, full.part_of, SplitPlan())
    return render_audit(full, split)


def text_of(page):
    """Return a page's words as a reader sees them."""
    import html

    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def test_every_finding_stands_on_the_page(full, page):
    """Title and text, in the order of their gravity."""
    text = text_of(page)
    findings = list_findings(full)
    places = [text.index(re.sub(r"\s+", " ", each.title)) for each in findings]
    assert places == sorted(places)
    assert all(re.sub(r"\s+", " ", each.text) in text for each in findings)
    assert {"leaks", "contradictions", "files", "copies", "parts"} <= {f.section for f in findings}


def test_every_link_on_the_page_has_its_place(page):
    """A finding leads to the section that shows it."""
    targets = set(re.findall(r'href="#([^"]*)"', page))
    assert targets <= set(re.findall(r'id="([^"]*)"', page))
    assert targets


def test_the_page_needs_nothing_but_itself(page):
    """No script, and every address is data inside the page."""
    assert "<script" not in page.lower()
    assert not re.search(r"\son\w+=", page)
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)


def test_names_cannot_become_markup(page):
    """A folder named like a tag stays words."""
    assert "<wrong>" not in page
    assert "all &lt;wrong&gt; &amp; more" in page


def test_the_contradiction_is_shown_with_its_pictures(full, page):
    """Each part under two labels has a card with pictures of both."""
    card = page.split('id="contradictions"')[1].split("<h2")[0]
    (found,) = full.contradictions
    assert f"part {found.part}: 6 bad, 1 ok" in card
    assert card.count('src="data:image/jpeg') >= 2
    assert "swapped" in card


def test_unreadable_and_odd_pictures_are_named(page):
    """With the reason of each."""
    card = page.split('id="files"')[1].split("<h2")[0]
    assert "train/bad/cut.png: the file is cut short" in card
    assert "flat" in card
    assert "20x20 pixels" in card


def test_the_split_is_shown(page):
    """Pictures and parts a side."""
    card = page.split('id="split"')[1]
    for side in ("train", "validation", "test", "left_out"):
        assert f"<td>{side}</td>" in card


def test_a_clean_audit_says_so():
    """Without a finding the page says that nothing was found."""
    assert "Nothing was found that stands in the way" in render_audit(spotless_audit())


def test_pictures_that_went_away_leave_a_gap():
    """The page of pictures that are no longer there is written all the same."""
    pictures = [some_picture(number, ("bad", "ok")[number % 2]) for number in range(40)]
    page = render_audit(made_audit(pictures, [number // 4 for number in range(40)]))
    assert "no room for this picture" in page


def test_thousands_of_pictures_stay_below_five_megabytes(full, tmp_path):
    """Hundreds of contradictions on large noisy pictures do not blow up the page."""
    random = np.random.default_rng(0)
    frame = random.integers(0, 255, (400, 400), np.uint8)
    pictures = []
    for number in range(900):
        picture = some_picture(
            number, ("bad", "ok")[number % 2], ("train", "test")[number % 3 == 0]
        )
        pictures.append(picture)
        write_picture(tmp_path / picture.name, frame)
    audit = made_audit(pictures, [number // 4 for number in range(900)], root=tmp_path)
    page = render_audit(audit)
    assert len(audit.contradictions) > 200
    assert 300_000 < len(page) < 5_000_000
    assert "more are named in audit.json" in page


@pytest.mark.parametrize(
    ("control", "words"),
    [
        (Control(0, 0, 0), "no pair"),
        (Control(1000, 0, 0), "at most (95 %) 0.30%"),
        (Control(1000, 30, 10), "about 2.00%"),
    ],
)
def test_the_control_is_said_in_words(full, control, words):
    """How far wrong the grouping may be, as a share of the likest pairs."""
    assert words in control_text(replace(full, control=control))


def test_the_folder_holds_page_figures_and_pictures(full, tmp_path):
    """JSON and CSV say the same as the page: every picture has its part."""
    written = write_audit(full, tmp_path / "new" / "out")
    assert written.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    figures = json.loads((written.parent / "audit.json").read_text())
    assert figures == json.loads(json.dumps(audit_json(full)))
    assert figures["unreadable"] == {"train/bad/cut.png": "the file is cut short"}
    assert figures["contradictions"][0]["pictures"]["ok"] == ["train/ok/swapped.jpeg"]
    rows = list(csv.DictReader(io.StringIO((written.parent / "pictures.csv").read_text())))
    assert [(row["name"], int(row["part"])) for row in rows] == [
        (picture.name, part) for picture, part in zip(full.scan.pictures, full.part_of, strict=True)
    ]


def test_a_folder_that_cannot_be_made_is_said(full, tmp_path):
    """A file in its place: one sentence."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(DataError, match="cannot write the report"):
        write_audit(full, tmp_path / "taken")


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_the_page_without_complaint(page, tmp_path, dark):
    """No message on the console; something other than blank is drawn, light and dark."""
    (tmp_path / "audit.html").write_text(page, encoding="utf-8")
    said = open_page(tmp_path / "audit.html", tmp_path / "shot.png", height=1500, dark=dark)
    shot = cv2.imread(str(tmp_path / "shot.png"), cv2.IMREAD_GRAYSCALE)
    assert said == []
    assert shot.std() > 20
    assert (np.median(shot) < 90) is dark or (np.median(shot) > 160) is not dark


@needs_browser
def test_the_browser_tells_of_errors(tmp_path):
    """The helper is no blind eye: a page with a fault has its message."""
    (tmp_path / "bad.html").write_text("<script>console.error('oh dear'); nothing.here()</script>")
    said = open_page(tmp_path / "bad.html", tmp_path / "shot.png", height=400)
    assert any("oh dear" in line for line in said)
    assert any("ReferenceError" in line for line in said)
