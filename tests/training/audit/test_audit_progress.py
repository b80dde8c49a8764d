"""The bar shows step, share and time left in a terminal; a file gets a line a step."""

import io

from rich.console import Console

from training.audit.progress import AuditProgress


def shown(*, terminal):
    """Run through an audit's steps and return what was written."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100)
    with AuditProgress(console) as progress:
        progress.begin(100)
        progress.step("measuring")
        progress.advance(40)
        progress.step("grouping by part")
        progress.advance(10)
    return stream.getvalue()


def test_a_terminal_sees_a_bar():
    """The step, how far it is, and that time is left."""
    text = shown(terminal=True)
    assert "grouping by part" in text
    assert "50%" in text
    assert "left" in text


def test_a_file_gets_a_line_a_step():
    """No control characters where nobody could see a bar."""
    assert shown(terminal=False).splitlines() == ["measuring …", "grouping by part …"]
