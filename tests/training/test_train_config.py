"""A wrong option of a run is refused with its name and bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Augmentation, Phase, TrainOptions, read_options, spread_epochs
from training.errors import OptionError


def test_the_command_overrides_the_file(tmp_path):
    """What is None was not given; the file wins over the built-in, the command over the file."""
    file = tmp_path / "train.toml"
    file.write_text("size = 96\nbatch = 8\n[augmentation]\nflip = false\n")
    options = read_options(file, {"batch": 4, "seed": None})
    assert (options.size, options.batch, options.seed) == (96, 4, 0)
    assert options.augmentation.flip is False


def test_phases_come_from_the_file(tmp_path):
    """A recipe is data."""
    file = tmp_path / "train.toml"
    file.write_text('[[phases]]\nname = "only"\nepochs = 2\nlearning_rate = 0.001\n')
    assert [phase.name for phase in read_options(file, {}).phases] == ["only"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sise = 224", "sise"),
        ("size = 225", "size: .*32"),
        ("size = 1024", "size: .*512"),
        ('batch = "8"', "batch"),
        ("[augmentation]\nzoom_out = 0.9", "augmentation.zoom_out: .*0.3"),
        ("label_smoothing = nan", "label_smoothing"),
        ("size = ", "not valid TOML"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, text, message):
    """Unknown keys, wrong types and values out of range are one line."""
    file = tmp_path / "train.toml"
    file.write_text(text)
    with pytest.raises(OptionError, match=message):
        read_options(file, {})


def test_a_missing_file_is_named(tmp_path):
    """A configuration that is not there is said to be so."""
    with pytest.raises(OptionError, match=r"cannot read .*none.toml"):
        read_options(tmp_path / "none.toml", {})


@pytest.mark.parametrize("kind", [TrainOptions, Phase, Augmentation])
def test_every_option_has_its_sentence(kind):
    """Help and documentation are made of these."""
    assert all(field.description for field in kind.model_fields.values())


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 60))
def test_spread_epochs_keep_their_sum(planned, epochs):
    """The phases have exactly the wanted epochs, each at least one, the last never dropped."""
    phases = [
        Phase(name=str(place), epochs=count, learning_rate=0.1)
        for place, count in enumerate(planned)
    ]
    spread = spread_epochs(phases, epochs)
    assert sum(phase.epochs for phase in spread) == epochs
    assert min(phase.epochs for phase in spread) >= 1
    assert spread[-1].name == phases[-1].name
    assert len(spread) == min(len(phases), epochs)
