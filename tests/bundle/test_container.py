"""The container: what `write_container` could not have written is refused by its name."""

import pytest

from bundle.container import MAX_ARCHIVE_BYTES, read_container, write_container
from bundle.errors import ArchiveError

CONTENTS = {"a": b"aa", "b": b"bbb"}
# Where the headers lie: two local ones with their contents, two listed entries, the end.
FIRST, SECOND = 0, 33
LISTED_FIRST, LISTED_SECOND = 67, 114
END = 161


def changed(*places):
    """Return a container of two entries with other bytes at some places."""
    data = bytearray(write_container(CONTENTS))
    for at, content in places:
        data[at : at + len(content)] = content
    return bytes(data)


def read(data):
    """Read a container in which any name may stand."""
    return read_container(data, lambda _: True)


def test_what_was_written_is_read_in_its_order():
    """The other tests' places are those of this container."""
    assert len(changed()) == END + 22
    assert list(read(changed()).items()) == list(CONTENTS.items())


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([(FIRST, b"PK\x07\x08")], "the header of 'a' is damaged"),
        ([(FIRST + 6, b"\1")], "the header of 'a' is damaged"),
        ([(FIRST + 14, b"\0\0\0\0")], "header and directory disagree about 'a'"),
        ([(FIRST + 30, b"\xff")], "a damaged name"),
        ([(FIRST + 31, b"x")], "'a' is damaged: its checksum"),
        ([(FIRST + 12, b"\x22"), (LISTED_FIRST + 14, b"\x22")], "parts of the ZIP format"),
        ([(LISTED_FIRST, b"PK\x05\x05")], "directory is damaged"),
        ([(LISTED_FIRST + 4, b"\x63")], "parts of the ZIP format"),
        ([(LISTED_FIRST + 10, b"\x08")], "a compressed entry"),
        ([(LISTED_FIRST + 38, b"\x10")], "parts of the ZIP format"),
        ([(LISTED_FIRST + 24, b"\x03")], "two sizes for one entry"),
        ([(LISTED_SECOND + 42, b"\0")], "stray bytes before 'b'"),
        ([(SECOND + 30, b"a"), (LISTED_SECOND + 46, b"a")], "has a twice"),
        (
            [(at + field, b"\xc8") for at, field in ((SECOND, 18), (SECOND, 22))]
            + [(at + field, b"\xc8") for at, field in ((LISTED_SECOND, 20), (LISTED_SECOND, 24))],
            "'b' reaches beyond",
        ),
        ([(END, b"PK\x07\x08")], "truncated or no bundle"),
        ([(END + 4, b"\1")], "parts of the ZIP format"),
        ([(END + 8, b"\1")], "parts of the ZIP format"),
        ([(END + 8, b"\1\0\1")], "directory has stray bytes"),
        ([(END + 8, b"\3\0\3")], "points outside of the file"),
        ([(END + 16, b"\x44")], "truncated or has stray bytes"),
        ([(END + 20, b"\1")], "parts of the ZIP format"),
    ],
)
def test_each_header_that_was_changed_is_refused_by_what_is_wrong(places, words):
    """The sentence fits on a technician's line and says where the bundle comes from anew."""
    with pytest.raises(ArchiveError, match=words) as caught:
        read(changed(*places))
    assert "again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_bytes_are_refused_unread():
    """Whoever hands over bytes instead of a file gets no further with them either."""
    with pytest.raises(ArchiveError, match=f"more than {MAX_ARCHIVE_BYTES}"):
        read(bytes(MAX_ARCHIVE_BYTES + 1))
