"""A run tells what made it, not where or by whom."""

import getpass
import json
import platform
import socket

from training.environment import describe_environment, package_versions


def test_versions_and_processor_are_there():
    """Python, packages, processor and threads are named."""
    found = describe_environment()
    assert found["python"] == platform.python_version()
    assert "numpy" in package_versions()
    assert found["cpu"]
    assert found["threads"] >= 1


def test_no_machine_and_no_person_is_named():
    """Neither host name, user nor a path can be read out of it."""
    text = json.dumps(describe_environment())
    assert socket.gethostname() not in text
    assert f'"{getpass.getuser()}"' not in text
    assert "/" not in text
