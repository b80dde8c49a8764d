"""A byte stream is cut into whole frames, however it comes in."""

from __future__ import annotations

from itertools import pairwise

from camera_stand_ins import jpeg
from hypothesis import given
from hypothesis import strategies as st

from agent.cameras.pipe_split import Arrival, JpegSplitter, RawSplitter

NOW = Arrival(1, 1)


def _cut(data, cuts):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def _fed(splitter, chunks):
    return [
        bytes(piece.data)
        for number, chunk in enumerate(chunks)
        for piece in splitter.feed(chunk, Arrival(number, number))
    ]


@given(count=st.integers(0, 6), tail=st.integers(0, 11), cuts=st.lists(st.integers(0, 90)))
def test_raw_frames_are_whole_and_in_order_however_the_bytes_come(count, tail, cuts):
    """Cut anywhere, twelve bytes make a frame, and a rest makes none."""
    frames = [bytes([number]) * 12 for number in range(count)]
    data = b"".join(frames) + b"x" * tail
    assert _fed(RawSplitter(12), _cut(data, cuts)) == frames


@given(
    numbers=st.lists(st.integers(0, 20), max_size=4),
    junk=st.binary(max_size=8).filter(lambda data: b"\xff" not in data),
    cuts=st.lists(st.integers(0, 6000), max_size=40),
)
def test_pictures_are_whole_and_in_order_however_the_bytes_come(numbers, junk, cuts):
    """Cut anywhere and with padding between them, each JPEG comes out as it went in."""
    frames = [jpeg(number) for number in numbers]
    data = junk + b"".join(frame + junk for frame in frames)
    assert _fed(JpegSplitter(100_000), _cut(data, cuts)) == frames


def test_a_thumbnail_does_not_end_its_picture():
    """An end mark inside of a segment is none."""
    plain = jpeg(3)
    inner = jpeg(1, 16, 16)
    segment = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
    frame = plain[:2] + segment + plain[2:]
    assert _fed(JpegSplitter(100_000), [frame + plain]) == [frame, plain]


def test_a_frame_came_when_its_first_byte_did():
    """The rest may take as long as it likes."""
    splitter = RawSplitter(4)
    assert splitter.feed(b"aa", Arrival(5, 6)) == []
    pieces = splitter.feed(b"aabb", Arrival(8, 9))
    pieces += splitter.feed(b"bb", Arrival(20, 21))
    assert [piece.arrival for piece in pieces] == [Arrival(5, 6), Arrival(8, 9)]


@given(data=st.binary(max_size=4000))
def test_bytes_that_are_no_pictures_take_no_more_than_the_bound(data):
    """A stream of another kind can neither fill the memory nor end the reading."""
    splitter = JpegSplitter(500)
    for chunk in _cut(data, range(0, 4000, 97)):
        splitter.feed(chunk, NOW)
        assert len(splitter._data) <= 500


def test_a_picture_beyond_the_bound_is_dropped_and_the_next_one_found():
    """A start mark without an end is given up in time."""
    splitter = JpegSplitter(2000)
    endless = jpeg(1)[:-2] + bytes(3000)
    assert _fed(splitter, [endless]) == []
    assert splitter.dropped == 1
    assert _fed(splitter, [jpeg(2)]) == [jpeg(2)]
