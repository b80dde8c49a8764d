"""Pictures of a folder: found, checked, decoded, kept in memory within a bound."""

from __future__ import annotations

import random
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.errors import CameraError

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
MAX_UNREADABLE_SHARE = 0.01
_MEMORY_BYTES = 256 * 1024 * 1024
# What a whole file must hold after its header: decoders fill the rest of a cut one with gray.
_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}


class PictureFolder:
    """The readable pictures of a folder in the order of the belt's parts.

    `skipped` names those that cannot be read. Raises CameraError when there is no picture or too
    many are broken.
    """

    def __init__(self, folder: Path, order: str, seed: int) -> None:
        self._kept: OrderedDict[Path, Pixels] = OrderedDict()
        self._bytes = 0
        self.skipped: list[Path] = []
        paths = [path for path in list_pictures(folder) if self._check(path)]
        _refuse_broken(folder, self.skipped, len(paths) + len(self.skipped))
        if order == "shuffled":
            random.Random(seed).shuffle(paths)  # noqa: S311 - an order, not a secret
        self.paths = paths

    def picture(self, number: int) -> Pixels:
        """Return the picture of the part with this number. Raises CameraError."""
        path = self.paths[number % len(self.paths)]
        pixels = self._kept.get(path)
        if pixels is None:
            pixels = decode_picture(path)
            self._keep(path, pixels)
        return pixels

    def _check(self, path: Path) -> bool:
        try:
            pixels = decode_picture(path)
        except CameraError:
            self.skipped.append(path)
            return False
        self._keep(path, pixels)
        return True

    def _keep(self, path: Path, pixels: Pixels) -> None:
        self._kept[path] = pixels
        self._bytes += pixels.nbytes
        while self._bytes > _MEMORY_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes


def replay_order(folder: Path, order: str, seed: int) -> list[Path]:
    """Return which picture each part shows: part k the one at k modulo their number.

    `order` is "name" or "shuffled". Raises CameraError.
    """
    return PictureFolder(folder, order, seed).paths


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder and below, by name. Raises CameraError without any."""
    if not folder.is_dir():
        raise CameraError(f"there is no folder {folder}: set camera.folder to one with pictures")
    try:
        found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
        paths = sorted(path for path in found if path.is_file())
    except OSError as error:
        raise CameraError(f"cannot look into the folder {folder}: {error}") from error
    if not paths:
        raise CameraError(f"{folder} holds no picture (jpg, jpeg, png or bmp)")
    return paths


def decode_picture(path: Path) -> Pixels:
    """Return a picture as (height, width), or (height, width, 3) where it has colours.

    Raises CameraError, which names the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CameraError(f"cannot read the picture {path}: {error}") from error
    if not data or _cut_short(data):
        raise CameraError(f"the picture {path} is empty or cut short")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        raise CameraError(f"the picture {path} cannot be decoded: {error}") from error
    if decoded is None:
        raise CameraError(f"the picture {path} cannot be decoded")
    pixels = _without_copies(np.asarray(decoded, np.uint8))
    pixels.flags.writeable = False
    return pixels


def _without_copies(pixels: Pixels) -> Pixels:
    """Return one channel of a gray picture that is stored as three."""
    if pixels.ndim == 2:
        return pixels
    blue, green, red = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    same = np.array_equal(blue, green) and np.array_equal(green, red)
    return np.ascontiguousarray(blue) if same else pixels


def _cut_short(data: bytes) -> bool:
    for start, end in _ENDS.items():
        if data.startswith(start):
            # A JPEG may carry a whole thumbnail: its end comes before the picture's own scan.
            return data.rfind(end) < (data.rfind(b"\xff\xda") if end == b"\xff\xd9" else 0)
    return False


def _refuse_broken(folder: Path, broken: list[Path], total: int) -> None:
    if len(broken) > MAX_UNREADABLE_SHARE * total:
        raise CameraError(
            f"{len(broken)} of {total} pictures in {folder} cannot be read, {broken[0]} the "
            "first of them: remove or repair them (at most 1 % are skipped)"
        )
