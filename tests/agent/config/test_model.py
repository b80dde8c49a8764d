"""The configuration names one place for the model, and whom to trust."""

from pathlib import Path

import pytest

from agent.config.document import parse_config
from agent.config.model import DEFAULT_TRUST
from agent.errors import ConfigError


def parsed(model, more=""):
    """Return a configuration with this section [model]."""
    return parse_config(
        f"[camera]\ndriver = 'sim'\n[model]\n{model}\n[gate]\ndriver = 'sim'\n"
        f"[ledger]\nfolder = 'l'\n{more}",
        folder=Path("/d"),
    )


@pytest.mark.parametrize("model", ["", 'bundle = "m.lwb"\nslots = "s"', 'trust = "t"'])
def test_there_is_exactly_one_place_for_the_model(model):
    """Neither or both is refused with one line that names them."""
    with pytest.raises(ConfigError, match=r"model: name either bundle .* or slots"):
        parsed(model)


def test_relative_places_start_at_the_file(tmp_path):
    """Absolute ones stay as they are, and what is not given stays empty."""
    section = parsed('slots = "s"\ntrust = "/t"').model
    assert (section.bundle, section.slots, section.trust) == ("", "/d/s", "/t")


def test_slots_ask_for_signatures_and_a_file_only_where_a_trust_folder_is_given():
    """Nothing that came by `flash` judges unsigned unless somebody wrote so."""
    assert parsed('slots = "s"').model.trust_folder == Path(DEFAULT_TRUST)
    assert not parsed('slots = "s"').model.allow_unsigned
    assert parsed('bundle = "b"').model.trust_folder is None
    assert parsed('bundle = "b"\ntrust = "t"').model.trust_folder == Path("/d/t")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("parts = 5", "probation.parts"),
        ("minutes = -1", "probation.minutes"),
        ("max_reject_share = 1.1", "probation.max_reject_share"),
        ("max_uninspected = 0.1", "did you mean probation.max_uninspected_share"),
    ],
)
def test_what_a_probation_cannot_be_is_one_line(line, key):
    """With the key and its bound."""
    with pytest.raises(ConfigError, match=key):
        parsed('bundle = "b"', f"[probation]\n{line}\n")
