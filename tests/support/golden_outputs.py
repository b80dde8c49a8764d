"""Prints what bundles answer to their golden frames on the processor that runs this, as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path

from bundle.archive import open_archive
from bundle.golden import golden_frames
from bundle.prepare import prepare_frame
from deploy.interpreter import Interpreter, find_library


def answers(path: Path) -> list[dict[str, object]]:
    """Return, for each golden frame, a hash of the prepared picture and the model's outputs."""
    archive = open_archive(path)
    interpreter = Interpreter(archive.contents["model.tflite"], find_library(), 1)
    found = []
    for frame in golden_frames(archive.contents):
        picture = prepare_frame(frame, archive.manifest.input)
        digest = hashlib.sha256(picture.tobytes()).hexdigest()
        outputs = [float(each) for each in interpreter.infer(picture)]
        found.append({"picture": digest, "outputs": outputs})
    return found


if __name__ == "__main__":
    told = {name: answers(Path(name)) for name in sys.argv[1:]}
    json.dump({"machine": platform.machine(), "answers": told}, sys.stdout)
