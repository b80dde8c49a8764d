"""Writes an evaluation to a folder: figures, scores, plots and one page that needs nothing else."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.assess import Evaluation, evaluation_json
from training.charts import draw_confusion, draw_roc, draw_scores
from training.errors import RunError
from training.intervals import Interval
from training.report.caveats import claimable_text, list_caveats
from training.report.charts_escapes import draw_escapes, draw_precision_recall, draw_reliability
from training.report.tables import (
    band_rows,
    escape_rows,
    facts,
    metric_rows,
    part_rows,
)
from training.report.worst_cases import Case, Explain, show_cases
from training.scoring import Judge

PAGE, FIGURES, SCORES, PLOTS = "evaluation.html", "evaluation.json", "scores.csv", "plots"


def write_evaluation(
    evaluation: Evaluation, judge: Judge, root: Path, out: Path, explains: Mapping[str, Explain]
) -> None:
    """Write everything to the folder `out`; `explains` makes heat maps, by what they show.

    Raises RunError where the folder cannot be written.
    """
    figures = evaluation.figures
    plots = draw_plots(evaluation)
    shown = [
        show_cases(worst, evaluation.pictures, root, judge.input, explains)
        for worst in (figures.worst_defective, figures.worst_good)
    ]
    page = render_page(evaluation, plots, defective=shown[0], good=shown[1])
    content = json.dumps(evaluation_json(evaluation), indent=1, allow_nan=False) + "\n"
    try:
        (out / PLOTS).mkdir(parents=True, exist_ok=True)
        for name, png in plots.items():
            (out / PLOTS / f"{name}.png").write_bytes(png)
        (out / FIGURES).write_text(content, encoding="utf-8")
        (out / SCORES).write_text(scores_table(evaluation), encoding="utf-8")
        (out / PAGE).write_text(page, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write to {out}: {error.strerror}") from error


def draw_plots(evaluation: Evaluation) -> dict[str, bytes]:
    """Return every plot as PNG by its name; those that the pictures allow."""
    scores, truth, figures = evaluation.scores, evaluation.truth, evaluation.figures
    band = figures.at_thresholds
    plots = {
        "confusion": draw_confusion(figures.metrics),
        "roc": draw_roc(scores, truth, figures.metrics, band),
        "precision-recall": draw_precision_recall(scores, truth),
        "scores": draw_scores(scores, truth, band),
    }
    if figures.calibration is not None:
        plots["reliability"] = draw_reliability(figures.calibration)
    if figures.escapes is not None:
        plots["escapes"] = draw_escapes(figures.escapes)
    return plots


def render_page(
    evaluation: Evaluation,
    plots: Mapping[str, bytes],
    *,
    defective: tuple[Case, ...] = (),
    good: tuple[Case, ...] = (),
) -> str:
    """Return the page: caveats first, then figures, plots and the parts judged worst."""
    figures = evaluation.figures
    pages = Environment(
        loader=PackageLoader("training", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"percent": percent, "bounds": bounds}
    parts = None if figures.by_part is None else figures.by_part.at_half.defective_parts
    return pages.get_template("evaluation.html.j2").render(
        evaluation=evaluation,
        figures=figures,
        caveats=list_caveats(evaluation),
        facts=facts(evaluation),
        metrics=metric_rows(figures.metrics),
        band=band_rows(figures.at_thresholds),
        parts=part_rows(figures.by_part),
        escapes=escape_rows(figures.escapes),
        claimable=None if not parts else claimable_text(parts),
        plots={name: _png_uri(png) for name, png in plots.items()},
        defective=defective,
        good=good,
    )


def scores_table(evaluation: Evaluation) -> str:
    """Return one line of CSV for each picture: its part, what it is and how it scores."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "part", "label", "defective", "score"])
    for place, picture in enumerate(evaluation.pictures):
        part = "" if evaluation.parts is None else int(evaluation.parts[place])
        bad, score = bool(evaluation.truth[place]), float(evaluation.scores[place])
        writer.writerow([picture.name, part, picture.label, int(bad), f"{score:.6f}"])
    return stream.getvalue()


def percent(share: float | None) -> str:
    """Return a share as it is printed; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.2f} %"


def bounds(interval: Interval | None) -> str:
    """Return an interval as it is printed; a dash where there is none."""
    return "-" if interval is None else f"{100 * interval[0]:.2f} … {100 * interval[1]:.2f} %"


def _png_uri(png: bytes) -> Markup:
    return Markup("data:image/png;base64,") + base64.b64encode(png).decode("ascii")
