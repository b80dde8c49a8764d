"""What the report card says, and that no text can break out of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from bundle.manifest import OutputSpec, Thresholds
from export.against import StepRow, Way
from export.card import Card, write_card
from export.folds import Folds, Spread
from export.interval import share
from export.latency import Latency
from export.operators import QuantizedFacts
from export.parity import HeldOut, check_parity
from export.slim.climb import StepFigures

EVIL = '<script>alert("x")</script>&\'"'


def make_way(text: str) -> Way:
    """Return a way of two models with this text as their names, the second four times as fast."""
    rows = tuple(
        StepRow(
            name=text,
            size=size,
            macs=100_000_000,
            model_bytes=1_200_000,
            p50_ms={"1": ms, "2": ms, "4": ms},
            accuracy=share(99, 100),
            escapes=share(escapes, 60),
            disagreements=share(3, 100),
        )
        for size, ms, escapes in ((224, 8.0, 0), (224, 6.0, 0), (160, 2.0, 1))
    )
    cut = StepFigures(
        step=text, size=160, parameters=900_000, macs=50_000_000, int8_ms=2.0,
        validation_accuracy=0.98,
    )  # fmt: skip
    return Way(text, rows, (cut,))


def make_card(text: str = "plain", *, failing: bool = False) -> Card:
    """Return a card with this text wherever a text may stand."""
    defective = np.ones(4, bool)
    exact = np.array([[2.0, 0.0]] * 4, np.float32)
    held_out = HeldOut(text, text, [text] * 4, defective, exact, -exact if failing else exact)
    thresholds = Thresholds(reject_at=0.5, recheck_at=0.4, chosen="x")
    return Card(
        name=text,
        version=text,
        release=3,
        architecture=text,
        recipe=text,
        labels=(text, "ok"),
        defective=(text,),
        reject_at=0.5,
        recheck_at=0.4,
        thresholds_chosen=text,
        input=text,
        float_bytes=8_000_000,
        int8_bytes=2_700_000,
        quantized=QuantizedFacts({text: 35}, "int8", 0.02, {text: 3}),
        calibration=text,
        parity=check_parity([held_out], (0,), thresholds, OutputSpec()),
        way=make_way(text),
        macs=292_300_000,
        folds=Folds(2, 7, *(Spread((0.9, 0.98), 0.94, 0.3, 1.0),) * 2),
        latency=Latency(20.5, 10.25, 1, 50, text),
        data=text,
        note=text,
        reference=text,
    )


@pytest.mark.parametrize("failing", [False, True])
def test_no_text_can_break_out_of_the_page(failing):
    """Names, notes and remarks come from people: all of them are escaped."""
    page = write_card(make_card(EVIL, failing=failing))["card.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert EVIL not in page


def test_the_page_needs_nothing_from_outside():
    """The card opens on a machine without a network."""
    page = write_card(make_card())["card.html"].decode()
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)


def test_the_page_shows_the_figures():
    """Accuracy with its interval, sizes, operators and latency are there."""
    page = write_card(make_card())["card.html"].decode()
    assert "100.00% (4 of 4" in page
    assert "2,700,000 bytes" in page
    assert "plain 35" in page
    assert "not run by XNNPACK</th><td>plain 3<" in page
    assert "10.25 ms" in page


def test_a_failure_stands_at_the_top():
    """A bundle written by force says so before anything else."""
    page = write_card(make_card(failing=True))["card.html"].decode()
    assert 0 < page.index("Written by force") < page.index("<h2>")


def test_the_way_from_the_full_model_is_told_step_by_step():
    """How much faster, at what accuracy, with how many escapes; nothing where none was cut."""
    page = write_card(make_card())["card.html"].decode()
    assert "4.0 times faster than the full float model, 3.0 times faster" in page
    assert "1 of 60" in page
    assert "900,000" in page
    whole = write_card(replace(make_card(), way=None))["card.html"].decode()
    assert "From the full model" not in whole


def test_latency_that_was_not_measured_is_not_made_up():
    """Without a measurement the page names the command that makes one."""
    page = write_card(replace(make_card(), latency=None, way=None))["card.html"].decode()
    assert "linewarden bench" in page
    assert " ms" not in page


def test_the_json_holds_the_same_facts():
    """A program finds what the page shows."""
    facts = json.loads(write_card(make_card(failing=True))["card.json"])
    assert facts["int8_bytes"] == 2_700_000
    assert facts["parity"]["passed"] is False
    assert "more wrong" in facts["parity"]["failure"]
    assert facts["parity"]["sets"][0]["int8_accuracy"]["count"] == 0


def test_equal_cards_give_equal_bytes():
    """Nothing on the card depends on when it was written."""
    assert write_card(make_card()) == write_card(make_card())


def test_what_new_parts_are_to_be_expected_to_give_stands_first():
    """The spread over folds comes before the figures of the one model."""
    page = write_card(make_card())["card.html"].decode()
    assert page.index("New parts") < page.index("Float against int8")
    assert "mean 94.00%; 95 % 30.00% to 100.00%; by fold 90.00%, 98.00%" in page


def test_figures_by_part_are_on_the_card():
    """Parts, their interval and the bound that so few of them allow, where the parts are known."""
    defective = np.array([True] * 6 + [False] * 4)
    logits = np.where(defective[:, None], [[3.0, 0.0]], [[0.0, 3.0]]).astype(np.float32)
    logits[0] = [0.0, 3.0]
    parts = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    held_out = HeldOut("test", "r", ["p"] * 10, defective, logits, logits, parts)
    thresholds = Thresholds(reject_at=0.5, recheck_at=0.4, chosen="x")
    parity = check_parity([held_out], (0,), thresholds, OutputSpec())
    (found,) = parity.sets
    assert (found.by_part.figures.defective_parts, found.by_part.figures.escaped_parts) == (3, 1)
    low, high = found.by_part.accuracy
    assert 0.0 < low < 0.9 < high <= 1.0
    page = write_card(replace(make_card(), parity=parity))["card.html"].decode()
    assert "3 defective, 2 good" in page
    assert "2 of 3; at 95 % at most" in page
