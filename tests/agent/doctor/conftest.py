"""Fixtures of the doctor's tests: a configuration in a folder, and a model in its slots."""

from __future__ import annotations

import pytest
from flash_rig import OFFICE, SPEC, Maker

from agent.config.document import parse_config
from bundle.signature import read_keyring
from bundle.slots import open_slots
from deploy.keys import public_pem

TEXT = """
[camera]
driver = "sim"
frame_rate = 100.0
[model]
{model}
[gate]
driver = "{gate}"
{port}
[ledger]
folder = "ledger"
"""


@pytest.fixture
def configured(tmp_path):
    """Return a maker of configurations in their own folder."""

    def make(model='slots = "slots"\ntrust = "trust"', gate="sim", port="", text=TEXT):
        (tmp_path / "ledger").mkdir(exist_ok=True)
        (tmp_path / "trust").mkdir(exist_ok=True)
        whole = text.format(model=model, gate=gate, port=port)
        (tmp_path / "agent.toml").write_text(whole)
        return parse_config(whole, folder=tmp_path)

    return make


@pytest.fixture
def flashed(tmp_path, configured):
    """Return a function that lets a model judge in the slots, trusted or not."""

    def make(**changes):
        config = configured()
        (tmp_path / "trust" / "office.pub").write_bytes(public_pem(OFFICE.public_key()))
        maker = Maker(tmp_path)
        spec = {"frame_width": 300, "frame_height": 300}
        changes.setdefault("input", SPEC.model_copy(update=spec))
        with open_slots(tmp_path / "slots", read_keyring(tmp_path / "trust")) as slots:
            slots.install(maker(**changes))
            slots.switch()
        return config

    return make
