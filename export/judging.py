"""What both flatbuffers say of the held-out pictures, and the thresholds that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundle.manifest import Manifest
from bundle.prepare import prepare_frame
from export.parity import HeldOut, defect_scores
from export.pictures import VALIDATION, ExportPictures, PictureSet
from export.runtime import FlatbufferModel
from export.steps import Steps
from training.config import TrainOptions
from training.pictures import load_picture
from training.threshold import choose_thresholds


@dataclass(frozen=True, slots=True)
class Judges:
    """The two flatbuffers, loaded."""

    exact: FlatbufferModel
    int8: FlatbufferModel


def judge_sets(
    judges: Judges, pictures: ExportPictures, draft: Manifest, steps: Steps
) -> list[HeldOut]:
    """Return what both models say of every held-out set. Raises DataError, ExportError."""
    sets = []
    for one in pictures.held_out:
        steps.step(f"Comparing float and int8 on {one.name}", len(one.pictures))
        sets.append(_judge(one, pictures.root, draft, judges, steps))
    return sets


def with_own_thresholds(
    draft: Manifest,
    sets: Sequence[HeldOut],
    run: TrainOptions,
    wanted: float | None,
    bound: float | None,
) -> Manifest:
    """Choose the thresholds anew on the validation scores of the int8 model, which will judge.

    Those of the run were chosen on the float model: a defective part just above its threshold
    would lie just below after rounding. What the export does not wish for is as the run had it.
    """
    for one in sets:
        if one.name == VALIDATION and 0 < int(one.defective.sum()) < len(one.defective):
            scores = defect_scores(one.int8_logits, draft.defective_indices, draft.output)
            chosen = choose_thresholds(
                scores,
                one.defective,
                run.wanted_escape_rate if wanted is None else wanted,
                parts=one.parts,
                max_escape_rate=run.max_escape_rate if bound is None else bound,
            )
            return draft.model_copy(update={"thresholds": chosen})
    return draft


def _judge(
    one: PictureSet,
    root: Path,
    draft: Manifest,
    judges: Judges,
    steps: Steps,
) -> HeldOut:
    float_logits, int8_logits = [], []
    for picture in one.pictures:
        prepared = prepare_frame(load_picture(root / picture.name), draft.input)
        float_logits.append(judges.exact.logits(prepared))
        int8_logits.append(judges.int8.logits(prepared))
        steps.advance()
    return HeldOut(
        name=one.name,
        remark=one.remark,
        pictures=[picture.name for picture in one.pictures],
        defective=np.array([picture.label in draft.defective for picture in one.pictures], bool),
        float_logits=np.array(float_logits, np.float32),
        int8_logits=np.array(int8_logits, np.float32),
        parts=None if one.parts is None else np.array(one.parts, np.int64),
    )
