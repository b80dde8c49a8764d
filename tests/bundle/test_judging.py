"""What the agent says of its models is read whole, or not at all."""

import pytest

from bundle.judging import JUDGING, Judging, Probation, Shadow, read_judging, write_judging

NOW = Judging(
    title="m-2", sha256="0" * 64, signed=True, since="2026-03-04T05:06:07.000Z", pid=7, ready=True,
    refused="",
    probation=Probation(
        parts=3, wanted_parts=200, minutes=0.1, wanted_minutes=10.0, findings=("slow",),
        state="failed",
    ),
    shadow=Shadow(
        title="m-3", parts=5, agree=4, only_new_rejects=1, only_old_rejects=0, rechecks_differ=0,
        pictures="/x",
    ),
)  # fmt: skip


def test_what_was_written_is_read(tmp_path):
    """With and without a probation."""
    write_judging(tmp_path, NOW)
    assert read_judging(tmp_path) == NOW
    plain = NOW.model_copy(update={"probation": None, "shadow": None})
    write_judging(tmp_path, plain)
    assert read_judging(tmp_path) == plain
    assert [path.name for path in tmp_path.iterdir()] == [JUDGING]


@pytest.mark.parametrize("text", [b"", b"{}", b"\0" * 70_000, b'{"title": 1', b"[]"])
def test_what_cannot_be_read_is_nothing(tmp_path, text):
    """An agent that was never there, a worn card, another version."""
    assert read_judging(tmp_path) is None
    (tmp_path / JUDGING).write_bytes(text)
    assert read_judging(tmp_path) is None


def test_a_newer_agent_may_say_more(tmp_path):
    """A key that is not known is no reason to know nothing."""
    write_judging(tmp_path, NOW)
    path = tmp_path / JUDGING
    path.write_text(path.read_text().replace('"pid"', '"newer": 1,\n "pid"'))
    assert read_judging(tmp_path) == NOW


def test_a_disk_that_takes_nothing_leaves_no_half_file(tmp_path):
    """The caller is told, the folder is as it was."""
    (tmp_path / JUDGING).mkdir()
    with pytest.raises(OSError, match="directory"):
        write_judging(tmp_path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == [JUDGING]
