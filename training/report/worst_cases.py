"""The parts judged worst, each with its worst picture and what the model looked at in it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from training.dataset import Picture
from training.part_metrics import WorstPart
from training.pictures import load_picture
from training.report.gradcam import lay_over

Pixels = NDArray[np.uint8]
Explain = Callable[[Pixels], NDArray[np.float32]]

_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Case:
    """One part for the page: its worst picture, and each heat map under what it shows."""

    worst: WorstPart
    name: str
    picture: str
    heats: tuple[tuple[str, str], ...]


def show_cases(
    worst: Sequence[WorstPart],
    pictures: Sequence[Picture],
    root: Path,
    spec: InputSpec,
    explains: Mapping[str, Explain],
) -> tuple[Case, ...]:
    """Return the cases with their pictures as the model sees them. Raises DataError.

    Each of `explains` makes heat maps of prepared pictures; its name says what they show.
    """
    if not worst:
        return ()
    chosen = [pictures[one.place] for one in worst]
    seen = np.stack([prepare_frame(load_picture(root / each.name), spec) for each in chosen])
    maps = {name: explain(seen) for name, explain in explains.items()}
    return tuple(
        Case(
            worst=one,
            name=picture.name,
            picture=data_uri(_as_shown(seen[place])),
            heats=tuple(
                (name, data_uri(lay_over(seen[place], heats[place])))
                for name, heats in maps.items()
            ),
        )
        for place, (one, picture) in enumerate(zip(worst, chosen, strict=True))
    )


def data_uri(pixels: Pixels) -> str:
    """Return a picture in blue, green, red, or gray, as a JPEG inside an address."""
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _as_shown(prepared: Pixels) -> Pixels:
    if prepared.shape[-1] == 3:
        return np.asarray(cv2.cvtColor(prepared, cv2.COLOR_RGB2BGR), np.uint8)
    return prepared
