"""A newer package over the old one on a line: ledger, slots and configuration stay."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from board_line import running_line
from emulated_board import EmulatedBoard

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(3600)]


@pytest.fixture
def newer(made, tmp_path):
    """Return the same package with a higher version."""
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "-R", os.environ["LINEWARDEN_BOARD_DEB"], str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text("utf-8").splitlines()
    marked = [f"{line}+next" if line.startswith("Version: ") else line for line in lines]
    control.write_text("\n".join(marked) + "\n", "utf-8")
    path = tmp_path / "linewarden_next_amd64.deb"
    build = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", str(tree), str(path)]
    subprocess.run(build, check=True, capture_output=True)
    return path


def test_an_upgrade_keeps_what_the_line_has(made, disk, newer, tmp_path, mosquitto, subscribe):
    """Parts are rejected meanwhile; then the same model judges by the same configuration."""
    with (
        EmulatedBoard(made.parent / "image", disk) as board,
        running_line(board, tmp_path, mosquitto, subscribe) as line,
    ):
        line.wait_for_more("PASS", 3)
        kept = "sha256sum /etc/linewarden/agent.toml /var/lib/linewarden/slots/?/model.lwb"
        before, state, rows = board.run(kept), _state(board), len(board.rows())
        board.put(Path(newer), "/root/next.deb")
        said = board.run("DEBIAN_FRONTEND=noninteractive apt-get install -y /root/next.deb")
        assert "+next) over (" in said
        line.wait_for_more("PASS", 2)
        assert board.run("dpkg-query -W -f='${Version}' linewarden").endswith("+next")
        assert (board.run(kept), _state(board)) == (before, state)
        assert len(board.rows()) > rows
        line.assert_agreed(line.stop())


def _state(board):
    return board.run("cat /var/lib/linewarden/slots/state.json")
