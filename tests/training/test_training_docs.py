"""The page about training names every option, and no other."""

import re
from pathlib import Path

from training.config import Augmentation, Phase, TrainOptions

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")


def test_every_option_of_a_run_stands_in_the_table():
    """In the order in which they are declared."""
    section = PAGE.split("## Options")[1].split("## Precision")[0]
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(TrainOptions.model_fields)


def test_every_field_of_phases_and_variation_is_named():
    """In the text below the table."""
    text = PAGE.split("Of a phase:")[1].split("model =")[0]
    named = set(re.findall(r"`(\w+)`", text))
    fields = {*Phase.model_fields, *Augmentation.model_fields}
    assert fields <= named
    assert named - fields <= {"size", "head", "upper", "all", "frozen", "trained"}
