"""Folders of pictures: what is found, what is refused, what is kept in memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.errors import CameraError
from agent.pictures import folder as pictures_module
from agent.pictures.folder import PictureFolder, decode_picture, list_pictures


def _write(path, tone, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (40, 50) if channels == 1 else (40, 50, channels)
    pixels = np.random.default_rng(tone).integers(0, 30, shape).astype(np.uint8) + tone
    assert cv2.imwrite(str(path), pixels.astype(np.uint8))
    return pixels


def test_pictures_are_found_in_sub_folders_and_by_ending(tmp_path):
    """jpg, jpeg, png and bmp count, in any case; other files do not."""
    for name in ("b/2.PNG", "a/1.jpg", "3.bmp", "c/d/4.jpeg"):
        _write(tmp_path / name, 50)
    (tmp_path / "notes.txt").write_text("no picture", "utf-8")
    found = [str(path.relative_to(tmp_path)) for path in list_pictures(tmp_path)]
    assert found == ["3.bmp", "a/1.jpg", "b/2.PNG", "c/d/4.jpeg"]


@pytest.mark.parametrize(("name", "said"), [("none", "there is no folder"), ("", "no picture")])
def test_a_missing_or_empty_folder_is_one_sentence(tmp_path, name, said):
    """The sentence names the folder."""
    with pytest.raises(CameraError, match=said) as caught:
        list_pictures(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_picture_is_decoded_as_it_was_written(tmp_path, suffix):
    """Gray stays one channel, colour keeps its order."""
    gray = _write(tmp_path / f"gray{suffix}", 90)
    colour = _write(tmp_path / f"colour{suffix}", 60, channels=3)
    assert np.array_equal(decode_picture(tmp_path / f"gray{suffix}"), gray)
    assert np.array_equal(decode_picture(tmp_path / f"colour{suffix}"), colour)


def test_three_equal_channels_are_kept_as_one(tmp_path):
    """A gray picture stored as colour takes a third of the memory."""
    gray = _write(tmp_path / "gray.png", 90)
    cv2.imwrite(str(tmp_path / "three.png"), cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    assert np.array_equal(decode_picture(tmp_path / "three.png"), gray)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97])
def test_a_picture_that_is_cut_short_is_unreadable(tmp_path, suffix, share):
    """No gray rest of a broken file is ever shown as a part."""
    path = tmp_path / f"cut{suffix}"
    _write(path, 90)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CameraError, match=path.name):
        decode_picture(path)


def test_few_unreadable_pictures_are_skipped_and_named(tmp_path):
    """One of a hundred is left out and counted."""
    for number in range(99):
        _write(tmp_path / f"{number:03d}.png", 90)
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    folder = PictureFolder(tmp_path, "name", 1)
    assert folder.skipped == [tmp_path / "broken.png"]
    assert len(folder.paths) == 99


def test_more_than_one_percent_unreadable_is_refused(tmp_path):
    """The sentence counts them and names the first."""
    for number in range(98):
        _write(tmp_path / f"{number:03d}.png", 90)
    for name in ("broken.png", "broken2.png"):
        (tmp_path / name).write_bytes(b"no picture at all")
    with pytest.raises(CameraError, match=r"2 of 100 .*broken\.png"):
        PictureFolder(tmp_path, "name", 1)


def test_memory_is_bounded_and_pictures_are_read_again(tmp_path, monkeypatch):
    """Beyond the bound the oldest go, and come back from the disk when they are needed."""
    monkeypatch.setattr(pictures_module, "_MEMORY_BYTES", 2 * 40 * 50)
    expected = [_write(tmp_path / f"{number}.png", 20 * number) for number in range(6)]
    folder = PictureFolder(tmp_path, "name", 1)
    for number in (0, 5, 3, 0, 1):
        assert np.array_equal(folder.picture(number), expected[number])
        assert len(folder._kept) <= 2


def test_a_picture_that_is_gone_is_a_camera_error(tmp_path, monkeypatch):
    """A file removed while the line runs is named."""
    monkeypatch.setattr(pictures_module, "_MEMORY_BYTES", 1)
    for number in range(3):
        _write(tmp_path / f"{number}.png", 20 * number)
    folder = PictureFolder(tmp_path, "name", 1)
    (tmp_path / "0.png").unlink()
    with pytest.raises(CameraError, match=r"0\.png"):
        folder.picture(0)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_end_of_a_file_is_looked_for(tmp_path, suffix):
    """Older decoders fill up a cut file with gray: it is known by its missing end."""
    path = tmp_path / f"whole{suffix}"
    _write(path, 90)
    data = path.read_bytes()
    assert not pictures_module._cut_short(data)
    assert pictures_module._cut_short(data[: len(data) - 30])
    with_thumbnail = data[:2] + b"\xff\xda\xff\xd9" + data[2 : len(data) - 30]
    assert suffix == ".png" or pictures_module._cut_short(with_thumbnail)
