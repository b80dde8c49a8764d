"""Kept pictures: names, the quota, and disks that do not want them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.pictures.store import PictureStore

MEGABYTE = 1_000_000


def noise(seed: int = 1, size: int = 64) -> np.ndarray:
    """Return a picture that compresses badly."""
    return np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)


def test_a_kept_picture_can_be_looked_at(tmp_path: Path) -> None:
    """Grey and colour come back nearly as they were, under the promised name."""
    store = PictureStore(tmp_path, MEGABYTE)
    smooth = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    for seq, pixels in ((7, smooth), (1234567, cv2.merge([smooth] * 3))):
        name = store.keep(seq, pixels)
        assert name == store.name(seq)
        again = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
        assert again.shape == pixels.shape
        assert np.abs(again.astype(int) - pixels).mean() < 2
    assert not list(tmp_path.rglob("*.new"))


def test_the_oldest_make_room(tmp_path: Path) -> None:
    """The quota holds at every moment, and empty folders go too."""
    store = PictureStore(tmp_path, 40_000)
    for seq in range(990, 1030):
        assert store.keep(seq, noise(seq))
        on_disk = sum(path.stat().st_size for path in tmp_path.rglob("*.jpg"))
        assert on_disk == store.total_bytes <= 40_000
    names = sorted(path.name for path in tmp_path.rglob("*.jpg"))
    assert names[-1] == "0000001029.jpg"
    assert names == sorted(Path(store.name(seq)).name for seq in range(1030 - len(names), 1030))
    assert not (tmp_path / "0000000").exists()
    assert store.failed == 0


def test_an_earlier_life_counts_towards_the_quota(tmp_path: Path) -> None:
    """A restart takes over what is there and clears what was half written."""
    first = PictureStore(tmp_path, MEGABYTE)
    for seq in range(10):
        first.keep(seq, noise(seq))
    (tmp_path / "0000000" / "0000000099.new").write_bytes(b"half")
    second = PictureStore(tmp_path, first.total_bytes // 2)
    assert not list(tmp_path.rglob("*.new"))
    kept = sorted(path.name for path in tmp_path.rglob("*.jpg"))
    assert kept[-1] == "0000000009.jpg"
    assert 3 <= len(kept) <= 5
    assert second.total_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.jpg"))


def test_a_failing_disk_is_counted_and_not_raised(tmp_path: Path) -> None:
    """A picture is a comfort; the lane goes on."""
    (tmp_path / "0000000").write_text("a file where the folder should be")
    store = PictureStore(tmp_path, MEGABYTE)
    assert store.keep(1, noise()) == ""
    assert store.failed == 1
    assert "cannot keep the picture of part 1" in store.fault
    assert store.keep(1000, noise())
    assert (store.failed, store.fault) == (1, "")


def test_a_full_disk_is_counted_and_leaves_no_half_picture(tmp_path: Path, monkeypatch) -> None:
    """Nothing is left behind that would fill the disk further."""

    def full(path: Path, content: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    store = PictureStore(tmp_path, MEGABYTE)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert store.keep(1, noise()) == ""
    assert "No space left" in store.fault
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert store.total_bytes == 0


@pytest.mark.parametrize(
    "pixels", [np.zeros((0, 0), np.uint8), np.zeros((4, 4, 7), np.uint8)], ids=["empty", "channels"]
)
def test_what_is_no_picture_is_counted(tmp_path: Path, pixels: np.ndarray) -> None:
    """OpenCV's own exceptions do not reach the lane."""
    store = PictureStore(tmp_path, MEGABYTE)
    assert store.keep(1, pixels) == ""
    assert store.failed == 1


def test_a_picture_beyond_the_quota_is_refused_and_costs_no_other(tmp_path: Path) -> None:
    """One huge picture does not throw out all others."""
    store = PictureStore(tmp_path, 6_000)
    store.keep(1, noise(size=32))
    assert store.keep(2, noise(size=256)) == ""
    assert "more than the quota" in store.fault
    assert (tmp_path / store.name(1)).exists()


def test_no_quota_means_no_pictures(tmp_path: Path) -> None:
    """Zero is a choice, not a failure."""
    store = PictureStore(tmp_path, 0)
    assert store.keep(1, noise()) == ""
    assert store.failed == 0


def test_room_is_made_for_the_ledger(tmp_path: Path) -> None:
    """On a full disk pictures go first, oldest first."""
    store = PictureStore(tmp_path, MEGABYTE)
    for seq in range(10):
        store.keep(seq, noise(seq))
    total = store.total_bytes
    freed = store.free(total // 2)
    assert freed >= total // 2
    assert store.total_bytes == total - freed
    assert store.name(9) in {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg")}
    assert store.free(10 * MEGABYTE) == total - freed
    assert store.total_bytes == 0


def test_pictures_somebody_else_deleted_do_no_harm(tmp_path: Path) -> None:
    """A technician may clear the folder while the line runs."""
    store = PictureStore(tmp_path, 10_000)
    for seq in range(3):
        store.keep(seq, noise(seq, 48))
    for path in tmp_path.rglob("*.jpg"):
        path.unlink()
    for seq in range(3, 9):
        assert store.keep(seq, noise(seq, 48))
    assert store.total_bytes <= 10_000
