"""Writes a comparison to a folder: one page that needs nothing else, tables and plots as files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from training.comparison.cells import ordered_entries
from training.comparison.charts import (
    draw_accuracies,
    draw_beside_paper,
    draw_confusions,
    draw_curves,
)
from training.comparison.claims import find_claims
from training.comparison.fronts import SlimFront, front_table, fronts_csv
from training.comparison.paper import LEAK, TITLE
from training.comparison.pareto import draw_pareto
from training.comparison.records import Comparison, Run
from training.comparison.tables import all_tables
from training.comparison.text import (
    comparison_json,
    comparison_markdown,
    figures_csv,
    paper_doubts,
    table_csv,
)
from training.errors import RunError

PAGE, MARKDOWN, NUMBERS, FIGURES = "compare.html", "compare.md", "compare.json", "figures.csv"
PARETO_PLOT, PARETO_FIGURES = "pareto.png", "pareto.csv"
TABLES, PLOTS = "tables", "plots"


def write_comparison(comparison: Comparison, out: Path, fronts: Sequence[SlimFront] = ()) -> Path:
    """Write everything to the folder `out` and return the page's path.

    With `fronts` the page also shows the slim models, and their plot and figures lie beside it.
    Raises RunError where the folder cannot be written.
    """
    plots = draw_plots(comparison)
    pareto = draw_pareto(fronts) if fronts else None
    numbers = json.dumps(comparison_json(comparison, fronts), indent=1, allow_nan=False) + "\n"
    texts = {
        MARKDOWN: comparison_markdown(comparison),
        NUMBERS: numbers,
        FIGURES: figures_csv(comparison),
        PAGE: render_page(comparison, plots, fronts, pareto),
    }
    if pareto is not None:
        texts[PARETO_FIGURES] = fronts_csv(fronts)
    texts |= {f"{TABLES}/{each.name}.csv": table_csv(each) for each in all_tables(comparison)}
    try:
        for folder in (TABLES, PLOTS):
            (out / folder).mkdir(parents=True, exist_ok=True)
        for name, png in plots.items():
            (out / PLOTS / f"{name}.png").write_bytes(png)
        if pareto is not None:
            (out / PARETO_PLOT).write_bytes(pareto)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write to {out}: {error.strerror}") from error
    return out / PAGE


def draw_plots(comparison: Comparison) -> dict[str, bytes]:
    """Return every plot as PNG by its name; those that the runs allow."""
    plots = {}
    if any(entry.test is not None for entry in comparison.entries):
        plots["beside-paper"] = draw_beside_paper(comparison)
        plots["confusions"] = draw_confusions(comparison)
        plots["accuracies"] = draw_accuracies(comparison)
    for place, entry in enumerate(ordered_entries(comparison), start=1):
        if any(run.history for run in entry.runs):
            kind = "part-safe" if entry.part_safe else "folders"
            plots[f"curves-{place}-{entry.network}-{kind}"] = draw_curves(
                entry, comparison.label(entry)
            )
    return plots


def render_page(
    comparison: Comparison,
    plots: Mapping[str, bytes],
    fronts: Sequence[SlimFront] = (),
    pareto: bytes | None = None,
) -> str:
    """Return the page: what holds and what does not, tables, plots, then each run."""
    tables = [*all_tables(comparison), *([front_table(fronts)] if fronts else [])]
    shown = dict(plots) if pareto is None else {**plots, "pareto": pareto}
    pages = Environment(
        loader=PackageLoader("training", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("compare.html.j2").render(
        claims=find_claims(comparison),
        warnings=comparison.warnings,
        paper_title=TITLE,
        paper_leak=LEAK,
        doubts=paper_doubts(comparison),
        tables={table.name: table for table in tables},
        plots={name: _png_uri(png) for name, png in shown.items()},
        curves=[name for name in plots if name.startswith("curves-")],
        runs=[(run, run_details(run)) for run in comparison.runs],
        machine=_fact_lines(comparison.machine),
    )


def run_details(run: Run) -> tuple[tuple[str, str], ...]:
    """Return what a run was made of, in pairs of name and value."""
    limits = run.thresholds
    chosen = (
        "none" if limits is None else f"reject from {limits[0]:.4f}, recheck from {limits[1]:.4f}"
    )
    split = run.split.label
    if run.split.seed is not None:
        split += f", drawn with seed {run.split.seed}"
    return (
        ("state", run.state),
        ("split", split),
        ("pictures", f"{run.data_pictures:,}, fingerprint {run.data_fingerprint[:16]}"),
        ("classes", f"{', '.join(run.labels)}; defective: {', '.join(run.defective)}"),
        ("thresholds", chosen),
        ("training", f"{len(run.history)} epochs, {run.duration_s / 60:.1f} min"),
        *(("options: " + name, value) for name, value in _fact_lines(run.options)),
        *(("made with: " + name, value) for name, value in _fact_lines(run.environment)),
    )


def _fact_lines(facts: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _fact_text(value)) for name, value in facts.items())


def _fact_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_fact_text(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(_fact_text(each) for each in value)
    return "none" if value is None else str(value)


def _png_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
