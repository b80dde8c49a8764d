"""What every command of the table promises to whoever asks for help."""

from __future__ import annotations

import pytest

import linewarden


def _leaves(path, command):
    """Return the commands that do something: those of a group, or the command itself."""
    inner = getattr(command, "commands", None)
    if not inner:
        return [(path, command)]
    return [leaf for name, each in inner.items() for leaf in _leaves(f"{path} {name}", each)]


@pytest.mark.parametrize("name", list(linewarden.COMMANDS))
def test_each_command_explains_itself_with_an_example(name, capsys):
    """`--help` never fails, and shows a line to copy."""
    for path, command in _leaves(f"linewarden {name}", linewarden._load_command(name)):
        with pytest.raises(SystemExit) as ended:
            command.main(args=["--help"], prog_name=path)
        assert ended.value.code == 0
        said = " ".join(capsys.readouterr().out.split())
        assert f"Example: {path}" in said or f"Example: sudo {path}" in said
