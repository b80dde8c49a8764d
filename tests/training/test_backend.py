"""The backend starts without chatter, or says what to install."""

import platform
import subprocess
import sys

import pytest

from training import backend
from training.errors import ModelError


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_glibc_takes_the_settings():
    """Every setting is accepted; in a process of its own, since it cannot be undone."""
    code = "from training.backend import keep_freed_memory; print(keep_freed_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_without_keras_the_user_is_told(monkeypatch):
    """A light installation says what is missing."""
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"pip install 'linewarden\[train\]'"):
        backend.start_backend()


@pytest.mark.train
def test_starting_says_nothing():
    """TensorFlow's greetings are for nobody; what is said afterwards is heard."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    code = (
        "import os, sys; from training.backend import start_backend; start_backend();"
        "os.write(2, b'heard'); assert 'keras' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "heard")
