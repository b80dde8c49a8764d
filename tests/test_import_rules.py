"""The import rules of pyproject.toml hold."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_packages_import_only_what_they_may():
    """The contracts of import-linter are kept; a process of its own, as it resets the loggers."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def run_python():
    """Return a function that runs code in a fresh interpreter, in the project's root."""

    def run(code):
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )

    return run


@pytest.mark.parametrize("package", ["agent", "bundle", "deploy"])
def test_device_packages_load_no_training_framework(package, run_python):
    """Importing every module of a device package pulls in neither TensorFlow nor Keras."""
    code = (
        f"import importlib, pkgutil, sys, {package}\n"
        f"for module in pkgutil.walk_packages({package}.__path__, '{package}.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print([n for n in ('tensorflow', 'keras', 'matplotlib') if n in sys.modules])\n"
    )
    assert run_python(code).stdout.strip() == "[]"


def test_help_loads_no_heavy_library(run_python):
    """`linewarden --help` imports neither NumPy nor OpenCV nor pydantic, so it is quick."""
    code = (
        "import sys, linewarden\n"
        "sys.argv = ['linewarden', '--help']\n"
        "try:\n    linewarden.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([n for n in ('numpy', 'cv2', 'pydantic', 'paho', 'serial') if n in sys.modules])\n"
    )
    assert run_python(code).stdout.splitlines()[-1] == "[]"


def test_the_command_table_names_real_functions():
    """Every sub-command in the table can be imported and has a sentence of help."""
    import importlib

    import linewarden

    for place, sentence in linewarden.COMMANDS.values():
        module, function = place.split(":")
        if module.startswith(("training", "export")) and find_spec("keras") is None:
            continue
        assert callable(getattr(importlib.import_module(module), function))
        assert sentence.endswith(".")
    assert sys.version_info >= (3, 10)
