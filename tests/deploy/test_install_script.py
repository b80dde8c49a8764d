"""install.sh: the same whether run once or often, never at the cost of ledger or programs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy/install.sh"
WRITTEN = [
    *sorted((ROOT / "scripts").glob("build_*.sh")),
    ROOT / "scripts/make_rootfs.sh",
    SCRIPT,
    ROOT / "deploy/settle.sh",
    *(ROOT / "deploy/debian" / name for name in ("preinst", "postinst", "prerm", "postrm")),
]


def _wheel(folder, version, code):
    """Write a wheel with one module and the command `linewarden`, as small as can be."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("linewarden-*.whl"):
        old.unlink()
    info = f"linewarden-{version}.dist-info"
    files = {
        "linewarden.py": f"def main():\n    {code}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: linewarden\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nlinewarden = linewarden:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"linewarden-{version}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


@pytest.fixture
def wheels(tmp_path):
    """A folder of wheels, pip's own among them, in which linewarden says its version."""
    ensurepip = pytest.importorskip("ensurepip")
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    pips = [*bundled.glob("pip-*.whl"), *Path("/usr/share/python-wheels").glob("pip-*.whl")]
    if not pips:
        pytest.skip("needs pip as a wheel: apt-get install python3-pip-whl")
    folder = tmp_path / "wheels"
    folder.mkdir()
    shutil.copy(pips[0], folder)
    _wheel(folder, "1.0", "print('one')")
    return folder


@pytest.fixture
def install(tmp_path):
    """Return a runner of install.sh into a root of its own."""
    if shutil.which("sh") is None:
        pytest.skip("needs sh")

    def run(*words, code=0):
        done = subprocess.run(
            ["sh", str(SCRIPT), "--root", str(tmp_path / "root"), *map(str, words)],
            env={**os.environ, "PIP_NO_INDEX": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def _says(root):
    words = [str(root / "opt/linewarden/bin/linewarden")]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def test_our_shell_scripts_are_clean():
    """It has nothing to say."""
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("needs shellcheck: apt-get install shellcheck")
    words = [program, "-x", *map(str, WRITTEN)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def test_an_installation_is_whole_and_says_what_is_next(install, wheels, tmp_path):
    """Programs, units, rules and a configuration of comments; without any network."""
    said = install("--wheels", wheels, "--python", sys.executable)
    root = tmp_path / "root"
    assert _says(root) == "one\n"
    for name in (
        "etc/systemd/system/linewarden.service",
        "etc/systemd/system/linewarden-check.service",
        "etc/systemd/system/linewarden.slice",
        "etc/udev/rules.d/70-linewarden.rules",
        "usr/lib/sysusers.d/linewarden.conf",
        "usr/lib/tmpfiles.d/linewarden.conf",
        "usr/local/bin/linewarden",
    ):
        assert os.path.lexists(root / name), name
    config = root / "etc/linewarden/agent.toml"
    text = config.read_text("utf-8")
    assert all(not line or line.startswith("#") for line in text.splitlines())
    assert "sudo linewarden setup" in said


def test_again_upgrades_and_leaves_configuration_and_ledger(install, wheels, tmp_path):
    """The second run brings the new programs and takes the old ones away, nothing else."""
    install("--wheels", wheels, "--python", sys.executable)
    root = tmp_path / "root"
    config, ledger = root / "etc/linewarden/agent.toml", root / "var/lib/linewarden/ledger.db"
    config.write_text("[station]\n", "utf-8")
    ledger.write_text("rows", "utf-8")
    _wheel(wheels, "2.0", "print('two')")
    said = install("--wheels", wheels, "--python", sys.executable)
    assert _says(root) == "two\n"
    assert len(list((root / "opt").glob("linewarden-*"))) == 1
    assert config.read_text("utf-8") == "[station]\n"
    assert ledger.read_text("utf-8") == "rows"
    assert "systemctl status" in said

    install("--uninstall")
    assert list((root / "opt").iterdir()) == []
    assert not (root / "etc/systemd/system/linewarden.service").exists()
    assert ledger.read_text("utf-8") == "rows"
    assert config.read_text("utf-8") == "[station]\n"
    install("--uninstall")


def test_programs_that_do_not_run_change_nothing(install, wheels, tmp_path):
    """A wheel for another board: the old programs go on, and no folder is left behind."""
    install("--wheels", wheels, "--python", sys.executable)
    _wheel(wheels, "2.0", "raise SystemExit(1)")
    assert "nothing was changed" in install("--wheels", wheels, "--python", sys.executable, code=1)
    assert _says(tmp_path / "root") == "one\n"
    assert len(list((tmp_path / "root/opt").glob("linewarden-*"))) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--wheels", "/nowhere"], "no linewarden-*.whl"),
        (["--python", "no-such-python"], "there is no no-such-python"),
        (["--frobnicate"], "unknown option"),
        (["--wheels"], "Usage"),
    ],
)
def test_what_cannot_work_is_refused_in_a_line(install, words, told, tmp_path):
    """Before anything is written."""
    code = 2 if told in ("unknown option", "Usage") else 1
    assert told in install(*words, code=code)
    assert not (tmp_path / "root/opt").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("np-2-cp3{minor}-cp3{minor}-manylinux_2_28_{other}.whl", "wheels are for {other}, this"),
        ("np-2-cp399-cp399-manylinux_2_28_{machine}.whl", "wheels are for Python 3.99, this"),
    ],
)
def test_wheels_for_another_board_are_told_before_anything_is_written(
    install, wheels, tmp_path, name, told
):
    """Another processor or another Python: which one, and how to make the right ones."""
    machine = platform.machine()
    if machine not in ("x86_64", "aarch64"):
        pytest.skip("needs a 64-bit processor")
    other = "aarch64" if machine == "x86_64" else "x86_64"
    facts = {"machine": machine, "other": other, "minor": sys.version_info[1]}
    (wheels / name.format(**facts)).touch()
    said = install("--wheels", wheels, "--python", sys.executable, code=1)
    assert told.format(**facts) in said
    assert "make wheels" in said
    assert not (tmp_path / "root/opt").exists()


def test_a_processor_that_the_interpreter_does_not_know_is_refused(install, wheels, tmp_path):
    """A 32-bit system: it would be installed and could judge nothing."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase $* in *machine*) echo armv7l ;; *) exec {sys.executable} "$@" ;; esac\n'
    )
    python.chmod(0o755)
    said = install("--wheels", wheels, "--python", python, code=1)
    assert "this is armv7l: take a 64-bit system" in said
    assert not (tmp_path / "root/opt").exists()


def test_it_keeps_off_what_the_debian_package_has_installed(install, wheels, tmp_path):
    """Two installers in one folder would each take the other's files away."""
    (tmp_path / "root/opt/linewarden").mkdir(parents=True)
    said = install("--wheels", wheels, "--python", sys.executable, code=1)
    assert "apt-get remove linewarden" in said
