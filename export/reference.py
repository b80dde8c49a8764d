"""How good parts look to camera and model: what the line is held against from its first part on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bundle.light import Sharpness, brightness, is_gray
from bundle.manifest import Manifest
from bundle.reference import FIGURES, FigureReference, LineReference, cut
from export.parity import HeldOut, defect_scores
from export.pictures import ExportPictures
from export.steps import Steps
from training.dataset import Picture
from training.pictures import load_picture

# Fewer say so little of the parts to come that nothing would be a drift: docs/drift.md.
FEWEST_PARTS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of one picture of a good part."""

    part: int
    value: float


def line_reference(
    pictures: ExportPictures, sets: Sequence[HeldOut], draft: Manifest, steps: Steps
) -> LineReference | None:
    """Return how good parts look; None where parts are not known, or too few. Raises DataError.

    Scores are the int8 model's of pictures that it has not learned from: of the others it is too
    sure. Nobody learns brightness and sharpness by heart: of these all pictures count.
    """
    if pictures.training_parts is None:
        return None
    light, sharp, gray = _light(pictures, draft, steps)
    # A few defective parts, which score above every good one, are no drift of a line.
    score = _figure(_scores(sets, draft), beyond=False)
    known = LineReference(
        gray=gray, score=score, brightness=_figure(light), sharpness=_figure(sharp)
    )
    return known if known.figures else None


def reference_text(reference: LineReference | None) -> str:
    """Return the line of the card."""
    if reference is None:
        return (
            "none, the line learns it from its first parts: the parts of the pictures are not "
            f"known (train with --split), or fewer than {FEWEST_PARTS} of them are good"
        )
    texts = [f"{name} of {one.parts} good parts" for name, one in reference.figures.items()]
    learned = [name for name in FIGURES if name not in reference.figures]
    if not learned:
        return ", ".join(texts)
    return f"{', '.join(texts)}; too few are known for {' and '.join(learned)}: the line learns it"


def _scores(sets: Iterable[HeldOut], draft: Manifest) -> list[Measured]:
    """Return the int8 scores of the held-out pictures of good parts."""
    found = []
    for one in sets:
        if one.parts is None:
            continue
        scores = defect_scores(one.int8_logits, draft.defective_indices, draft.output)
        rows = zip(one.parts.tolist(), scores.tolist(), one.defective.tolist(), strict=True)
        found += [Measured(part, score) for part, score, defective in rows if not defective]
    return found


def _light(
    pictures: ExportPictures, draft: Manifest, steps: Steps
) -> tuple[list[Measured], list[Measured], bool]:
    """Return brightness and sharpness as the recorder measures them; whether all are gray.

    Of pictures of another size than the camera's frames nothing is said, nor where some have
    colour and others have none.
    """
    region = draft.input.region
    window = (region.x, region.y, region.width, region.height) if region else None
    sharpness = Sharpness(window)
    good = [one for one in _by_part(pictures) if one[1].label not in draft.defective]
    light: list[Measured] = []
    sharp: list[Measured] = []
    gray: set[bool] = set()
    steps.step("Measuring brightness and sharpness of good parts", len(good))
    for part, picture in good:
        steps.advance()
        frame = load_picture(pictures.root / picture.name)
        if frame.shape[:2] != (draft.input.frame_height, draft.input.frame_width):
            continue
        light.append(Measured(part, brightness(frame)))
        sharp.append(Measured(part, sharpness.of(frame)))
        gray.add(is_gray(frame))
    return ([], [], False) if len(gray) > 1 else (light, sharp, True in gray)


def _by_part(pictures: ExportPictures) -> list[tuple[int, Picture]]:
    """Return every picture with the part that it shows, of all sides."""
    found = list(zip(pictures.training_parts or (), pictures.training, strict=True))
    for one in pictures.held_out:
        found += zip(one.parts or (), one.pictures, strict=True)
    return found


def _figure(measured: Sequence[Measured], *, beyond: bool = True) -> FigureReference | None:
    """Return bins in which every part counts once, however many pictures it has."""
    pictures = Counter(one.part for one in measured)
    if len(pictures) < FEWEST_PARTS:
        return None
    values = [one.value for one in measured]
    edges, shares = cut(values, [1 / pictures[one.part] for one in measured], beyond=beyond)
    return FigureReference(
        edges=edges, shares=tuple(round(share, 9) for share in shares), parts=len(pictures)
    )
