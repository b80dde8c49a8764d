"""`make deb`: what is in the package, and that its programs run where it was unpacked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
NETWORK = ("Failed to fetch", "error sending request", "dns error", "Connection refused")
TOOLS = ("dpkg-deb", "zstd") if os.environ.get("COMPRESS") == "zstd" else ("dpkg-deb",)

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
DOCUMENT = re.compile(r"^Documentation=file:/(\S+)", re.MULTILINE)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return the package as built by scripts/build_deb.sh, and a folder that it is unpacked in."""
    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}: apt-get install dpkg")
    if not UV.exists():
        pytest.skip("needs uv beside Python: make env")
    folder = tmp_path_factory.mktemp("deb")
    done = subprocess.run(
        ["sh", str(ROOT / "scripts/build_deb.sh"), str(folder)],
        env={**os.environ, "PYTHON": sys.executable, "UV": str(UV)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    if any(words in done.stderr for words in NETWORK):
        pytest.skip("needs pip's index")
    assert done.returncode == 0, done.stderr[-3000:]
    deb = next(folder.glob("linewarden_*.deb"))
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True, timeout=120)
    return deb, tree


def test_the_package_has_programs_units_and_scripts(package):
    """Everything that a board needs, and nothing of ours that is not meant for it."""
    _, tree = package
    for name in (
        "opt/linewarden/bin/linewarden",
        "opt/linewarden/pyvenv.cfg",
        "usr/bin/linewarden",
        "usr/lib/systemd/system/linewarden.service",
        "usr/lib/systemd/system/linewarden-check.service",
        "usr/lib/systemd/system/linewarden.slice",
        "usr/lib/sysusers.d/linewarden.conf",
        "usr/lib/tmpfiles.d/linewarden.conf",
        "usr/lib/udev/rules.d/70-linewarden.rules",
        "usr/share/linewarden/agent.toml",
        "usr/share/linewarden/settle.sh",
    ):
        assert os.path.lexists(tree / name), name
    site = next((tree / "opt/linewarden/lib").glob("python3.*/site-packages"))
    for name in ("agent", "bundle", "deploy", "numpy", "cv2", "ai_edge_litert"):
        assert (site / name).is_dir(), name
    for name in ("tensorflow", "keras", "pip", "tests"):
        assert not (site / name).exists(), name


def test_what_the_packed_documents_point_at_is_packed_too(package):
    """A board has no network and no source: a technician's link leads to a file that is there."""
    _, tree = package
    folder = tree / "usr/share/doc/linewarden"
    pages = sorted(folder.rglob("*.md"))
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text("utf-8"))]
    assert {"technician.md", "technician-flashing.md"} <= {page.name for page in pages}
    assert len(links) > 10
    gone = [(page.name, link) for page, link in links if not (page.parent / link).exists()]
    assert not gone
    for unit in (tree / "usr/lib/systemd/system").glob("linewarden*"):
        for named in DOCUMENT.findall(unit.read_text("utf-8")):
            assert (tree / named).is_file(), (unit.name, named)


def test_the_programs_run_from_where_they_were_unpacked(package):
    """The packed environment is one: its Python finds its own packages, with packed byte code."""
    _, tree = package
    python = tree / "opt/linewarden/bin/python"
    if not python.exists():
        pytest.skip(f"needs the system's Python, {python.readlink()}")
    done = subprocess.run(
        [
            str(python),
            "-I",
            str(tree / "opt/linewarden/bin/linewarden"),
            "check-config",
            "--explain",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "timing.delay_ms" in done.stdout
    site = next((tree / "opt/linewarden/lib").glob("python3.*/site-packages"))
    sources = list((site / "agent").rglob("*.py"))
    assert all(list((one.parent / "__pycache__").glob(f"{one.stem}.*.pyc")) for one in sources)


def test_scripts_keep_the_ledger(package):
    """Only the purge may take it, and only after its own question was answered with yes."""
    _, tree = package
    for name in ("preinst", "postinst", "prerm"):
        text = (tree / "DEBIAN" / name).read_text("utf-8")
        assert "rm -rf" not in text
        assert "/var/lib/linewarden" not in text
    lines = (tree / "DEBIAN/postrm").read_text("utf-8").splitlines()
    takes = [number for number, line in enumerate(lines) if "rm -rf /var/lib/linewarden" in line]
    assert len(takes) == 1
    assert lines[takes[0] - 1].strip() == 'if [ "$RET" = true ]; then'
    assert "Default: false" in (tree / "DEBIAN/templates").read_text("utf-8")


def test_the_package_asks_for_the_python_that_its_byte_code_is_for(package):
    """Python 3.11 would not find what was installed for 3.13."""
    deb, tree = package
    control = (tree / "DEBIAN/control").read_text("utf-8")
    minor = sys.version_info[1]
    assert f"python3 (>= 3.{minor}), python3 (<< 3.{minor + 1})" in control
    assert "Maintainer: linewarden maintainers <linewarden@localhost>\n" in control
    assert "@" not in control.replace("linewarden@localhost", "")
    version = control.split("Version: ")[1].split("\n")[0]
    assert deb.name.startswith(f"linewarden_{version}_")


def test_files_belong_to_root_and_nobody_else_may_write_them(package):
    """What the service runs can be changed by root alone."""
    deb, _ = package
    listed = subprocess.run(
        ["dpkg-deb", "-c", str(deb)], capture_output=True, text=True, timeout=120, check=True
    ).stdout.splitlines()
    assert len(listed) > 1000
    assert not [line for line in listed if line.split()[1] != "root/root"]
    assert not [line for line in listed if line[0] != "l" and (line[5] == "w" or line[8] == "w")]
