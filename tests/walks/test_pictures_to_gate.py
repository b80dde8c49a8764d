"""Walk 2 and walk 1 in small: pictures -> training -> int8 bundle -> agent -> gate."""

import json

import pytest
from run_command import linewarden

from bundle.archive import open_archive

pytestmark = [pytest.mark.slow, pytest.mark.train]


@pytest.mark.timeout(900)
def test_a_trained_network_judges_parts_on_the_line(tmp_path):
    """A tiny run is trained, exported, measured, and judges its own kind of parts in the demo."""
    pytest.importorskip("tensorflow")
    data, run, bundle = tmp_path / "data", tmp_path / "run", tmp_path / "tiny.lwb"
    linewarden("render", data, "--train", 60, "--test", 24, "--size", 64)
    linewarden("train", data, "--out", run, "--weights", "none", "--size", 32, "--epochs", 1)
    assert (run / "metrics.json").exists()
    linewarden("export", "--run", run, "--data", data, "--out", bundle, "--name", "tiny", "--force")
    manifest = open_archive(bundle).manifest
    assert manifest.input.channels == 1
    assert manifest.labels == ("def_front", "ok_front")
    figures = json.loads(linewarden("evaluate", "--bundle", bundle, "--data", data, "--json"))
    assert sum(figures["confusion"].values()) == figures["pictures"] == 24
    bench = json.loads(linewarden("bench", "--bundle", bundle, "--runs", 20, "--json"))
    assert "invoke" in json.dumps(bench)
    summary = json.loads(
        linewarden("demo", "--bundle", bundle, "--data", data / "test", "--parts", 24, "--json")
    )
    assert summary["kept_promises"]
    assert summary["parts"] == 24
    assert summary["model"] == "tiny-0.1.0"
