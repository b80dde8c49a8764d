"""What pages say of commands, held to the scripts and programs that they speak of."""

import re
from pathlib import Path
from typing import get_type_hints

from export.cli import export

ROOT = Path(__file__).parents[1]


def page(name):
    """Return the text of a page of docs/."""
    return (ROOT / "docs" / name).read_text("utf-8")


def test_every_step_of_making_the_results_is_one_of_the_script():
    """docs/results.md lists no command and no option that `make reproduce` never gives."""
    steps = page("results.md").split("| step |")[1].split("Not made by it")[0]
    script = (ROOT / "scripts" / "reproduce.sh").read_text("utf-8")
    commands = set(re.findall(r"linewarden \w+", steps))
    assert commands == {f"linewarden {name}" for name in ("audit", "train", "compare", "export")}
    assert {one for one in commands if one not in script} == set()
    assert {one for one in re.findall(r"--[a-z][\w-]*", steps) if one not in script} == set()


def test_the_page_of_the_bundle_names_every_recipe():
    """docs/bundle-format.md: in the manifest's table; and how the pruned one differs."""
    (option,) = get_type_hints(export, include_extras=True)["recipe"].__metadata__
    text = page("bundle-format.md")
    (row,) = re.findall(r"^\| `architecture`, `recipe` .*", text, re.MULTILINE)
    assert re.findall(r"`([\w-]*int8)`", row) == re.findall(r"[\w-]*int8", option.help)
    for title in ("How it is made", "The card"):
        section = text.split(f"## {title}\n")[1].split("\n## ")[0]
        assert "pruned" in section
        assert "--quick" in section
