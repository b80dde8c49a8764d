"""Pictures for a page: small JPEGs inside it, under a bound on their total size."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from markupsafe import Markup

from training.audit.files import SeenPicture
from training.errors import DataError
from training.pictures import Pixels, load_picture

SIDE_PX, QUALITY = 136, 74
MOST_BYTES = 3_400_000


@dataclass(frozen=True, slots=True)
class Thumb:
    """A picture on the page, with the words under it; without `uri` where it has no room."""

    uri: Markup | None
    name: str
    label: str
    note: str


class Thumbs:
    """Makes thumbnails until the page is full; the same picture is read once."""

    def __init__(self, root: Path, most_bytes: int = MOST_BYTES) -> None:
        self._root, self._left = root, most_bytes
        self._made: dict[str, Markup | None] = {}

    def make(self, picture: SeenPicture, note: str = "") -> Thumb:
        """Return a picture with its words."""
        if picture.name not in self._made:
            self._made[picture.name] = self._encode(picture)
        uri = self._made[picture.name]
        self._left -= 0 if uri is None else len(uri)
        return Thumb(uri, picture.name, picture.label, note)

    def _encode(self, picture: SeenPicture) -> Markup | None:
        if self._left <= 0:
            return None
        try:
            frame = load_picture(self._root / picture.name)
        except DataError:  # it went away since it was measured; the page goes on without it
            return None
        good, data = cv2.imencode(".jpg", _fit(frame), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not good:
            return None
        text = base64.b64encode(np.asarray(data).tobytes()).decode("ascii")
        return Markup("data:image/jpeg;base64,") + text


def _fit(frame: Pixels) -> Pixels:
    scale = SIDE_PX / max(frame.shape[:2])
    if scale >= 1.0:
        return frame
    width, height = (max(1, round(side * scale)) for side in (frame.shape[1], frame.shape[0]))
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
