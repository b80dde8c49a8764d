"""Parts told by a line in a named pipe: only the line `part` counts."""

from __future__ import annotations

import os
import select
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.trigger import CommandTrigger as Section
from agent.errors import GateError
from agent.triggers.command import CommandTrigger


@pytest.fixture
def path(tmp_path):
    """Return where the pipe is."""
    return tmp_path / "parts"


@pytest.fixture
def source(path):
    """Return an open source."""
    source = CommandTrigger(Section(driver="command", pipe=str(path)))
    source.open(0)
    yield source
    source.close()


def tell(path, data):
    """Write into the pipe as another program would."""
    with path.open("wb", buffering=0) as pipe:
        pipe.write(data)


def test_each_line_is_a_part_at_the_moment_it_is_read(source, path):
    """Also with a carriage return, or several at once; a line may come in pieces."""
    assert source.poll(1) == []
    tell(path, b"part\npart\r\npa")
    assert source.poll(2) == [2, 2]
    tell(path, b"rt\n")
    assert source.poll(3) == [3]
    assert source.refused == 0
    assert source.due_ns is None


@settings(deadline=None, max_examples=50)
@given(
    noise=st.lists(st.binary(max_size=200).map(lambda data: data.replace(b"\n", b"")), max_size=5)
)
def test_no_other_line_is_a_part(tmp_path_factory, noise):
    """Whatever is written, only whole lines `part` count; memory is bounded."""
    path = tmp_path_factory.mktemp("pipe") / "parts"
    source = CommandTrigger(Section(driver="command", pipe=str(path)))
    source.open(0)
    try:
        parts = 0
        for line in noise:
            tell(path, line + b"\n")
            parts += len(source.poll(1))
        wanted = sum(line.strip(b"\r ") == b"part" for line in noise)
        assert parts == wanted
        assert source.refused == len(noise) - wanted
        tell(path, b"x" * 1000 + b"part")
        source.poll(1)
        assert len(source._rest) <= 64
        tell(path, b"\npart\n")
        assert source.poll(2) == [2]
    finally:
        source.close()


def test_a_line_wakes_the_gate(source, path):
    """A poller that waits ends its wait."""
    poller = select.poll()
    source.watch(poller)
    assert poller.poll(0) == []
    tell(path, b"part\n")
    assert poller.poll(0)


def test_lines_from_before_are_dropped(source, path):
    """Their parts have passed long ago."""
    tell(path, b"part\n")
    again = CommandTrigger(Section(driver="command", pipe=str(path)))
    keep = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    source.close()
    again.open(0)
    assert again.poll(1) == []
    again.close()
    os.close(keep)


def test_the_pipe_is_made_for_the_group_and_is_ours_alone(source, path):
    """Two agents would each get half of the parts: the second is refused."""
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert not path.stat().st_mode & 0o007
    with pytest.raises(GateError, match="taken by another agent"):
        CommandTrigger(Section(driver="command", pipe=str(path))).open(0)


@pytest.mark.parametrize(("place", "words"), [("file", "no named pipe"), ("no/where", "No such")])
def test_what_is_no_pipe_is_refused(tmp_path, place, words):
    """A plain file in its place, or a folder that does not exist."""
    (tmp_path / "file").write_text("part\n")
    source = CommandTrigger(Section(driver="command", pipe=str(tmp_path / place)))
    with pytest.raises(GateError, match=words):
        source.open(0)
    assert source.poll(0) == []
    source.watch(select.poll())


def test_a_pipe_that_was_removed_is_told_and_made_again(source, path):
    """Writers would find no pipe there, or make a plain file."""
    path.unlink()
    with pytest.raises(GateError, match="was removed"):
        source.poll(1)
    source.open(2)
    tell(path, b"part\n")
    assert source.poll(3) == [3]


def test_opening_twice_is_opening_once(source, path):
    """Lines that wait for the next poll are not dropped."""
    tell(path, b"part\n")
    source.open(1)
    assert source.poll(2) == [2]


def test_a_pipe_that_cannot_be_read_is_lost(source, monkeypatch):
    """The gate is told, and opens it again."""

    def fail(*_arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("agent.triggers.command.os.read", fail)
    with pytest.raises(GateError, match="is lost: Input/output error"):
        source.poll(1)
    monkeypatch.undo()
