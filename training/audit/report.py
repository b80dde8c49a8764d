"""Writes an audit to a folder: the page, all findings as JSON, and a table of the pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.audit.audit import Audit
from training.audit.copies import NearPair
from training.audit.findings import list_findings
from training.audit.page import render_audit
from training.audit.part_findings import Contradiction
from training.errors import DataError
from training.split_file import SplitFile

PAGE, FIGURES, PICTURES = "audit.html", "audit.json", "pictures.csv"

_MEASURES = (
    "width", "height", "mode", "brightness", "contrast", "sharpness", "noise", "border", "colour",
)  # fmt: skip


def write_audit(audit: Audit, out: Path, split: SplitFile | None = None) -> Path:
    """Write everything to the folder `out`, return the page. Raises DataError."""
    page = render_audit(audit, split)
    figures = json.dumps(audit_json(audit), indent=1, allow_nan=False) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")
        (out / FIGURES).write_text(figures, encoding="utf-8")
        (out / PICTURES).write_text(
            pictures_table(audit), encoding="utf-8", errors="surrogateescape"
        )
    except OSError as error:
        raise DataError(f"cannot write the report to {out}: {error.strerror}") from error
    return out / PAGE


def audit_json(audit: Audit) -> dict[str, Any]:
    """Return everything found, pictures by name."""
    names = [picture.name for picture in audit.scan.pictures]
    return {
        "data": str(audit.scan.root),
        "pictures": len(names),
        "parts": len(set(audit.part_of)),
        "defective": list(audit.defective),
        "findings": [asdict(finding) for finding in list_findings(audit)],
        "labels": [asdict(row) | {"by_side": dict(row.by_side)} for row in audit.labels],
        "leaks": [asdict(row) for row in audit.leaks],
        "contradictions": [_contradiction(each, names) for each in audit.contradictions],
        "control": asdict(audit.control),
        "identical": [_named(places, names) for places in audit.copies.exact],
        "near_duplicates": [_near(pair, audit.part_of, names) for pair in audit.copies.near],
        "unreadable": {each.name: each.why for each in audit.scan.unreadable},
        "other_files": audit.scan.other_files,
        "odd": [
            {"picture": names[odd.place], "kind": odd.kind, "says": odd.says, "z": round(odd.z, 2)}
            for odd in audit.oddities
        ],
        "trivial": asdict(audit.trivial),
    }


def pictures_table(audit: Audit) -> str:
    """Return one line of CSV for each picture: where it is, its part and its figures."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "side", "label", "part", "sha256", "file_bytes", *_MEASURES])
    for picture, part in zip(audit.scan.pictures, audit.part_of, strict=True):
        figures = [getattr(picture.content, name) for name in _MEASURES]
        writer.writerow(
            [picture.name, picture.side, picture.label, part, picture.sha256, picture.file_bytes,
             *figures]
        )  # fmt: skip
    return stream.getvalue()


def _contradiction(found: Contradiction, names: Sequence[str]) -> dict[str, Any]:
    return {
        "part": found.part,
        "identical": found.identical,
        "inliers": found.inliers,
        "pictures": {label: _named(places, names) for label, places in found.pictures},
    }


def _near(pair: NearPair, part_of: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    return {
        "pictures": _named((pair.first, pair.second), names),
        "bits_apart": pair.bits_apart,
        "likeness": pair.likeness,
        "mirrored": pair.mirrored,
        "one_part": part_of[pair.first] == part_of[pair.second],
    }


def _named(places: Sequence[int], names: Sequence[str]) -> list[str]:
    return [names[place] for place in places]
