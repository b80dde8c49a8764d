"""The report card of a bundle: the facts as JSON and as one page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape

from export.against import StepRow, Way
from export.folds import Folds, Spread
from export.interval import Share
from export.latency import Latency
from export.operators import QuantizedFacts
from export.parity import ParityReport, PartParity, SetParity

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}
td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}
.bad{background:#fde8e8;border-left:.4rem solid #c00;padding:.6rem 1rem}
.good{background:#e9f7ec;border-left:.4rem solid #2a8a3e;padding:.6rem 1rem}
"""


@dataclass(frozen=True, slots=True)
class Card:
    """Everything an engineer wants to know of a bundle before it goes to a line."""

    name: str
    version: str
    release: int
    architecture: str
    recipe: str
    labels: tuple[str, ...]
    defective: tuple[str, ...]
    reject_at: float
    recheck_at: float
    thresholds_chosen: str
    input: str
    float_bytes: int
    int8_bytes: int
    quantized: QuantizedFacts
    calibration: str
    parity: ParityReport
    folds: Folds | None
    way: Way | None
    macs: int
    latency: Latency | None
    data: str
    note: str
    reference: str


def write_card(card: Card) -> dict[str, bytes]:
    """Return the entries card.json and card.html; equal cards give equal bytes."""
    return {
        "card.json": (json.dumps(_facts(card), indent=1, allow_nan=False) + "\n").encode("ascii"),
        "card.html": _page(card).encode("utf-8"),
    }


def _facts(card: Card) -> Mapping[str, object]:
    facts = asdict(card)
    parity: dict[str, object] = facts["parity"]
    parity |= {"passed": card.parity.passed, "failure": card.parity.failure}
    if card.way is not None:
        way: dict[str, object] = facts["way"]
        way["cuts"] = [cut.model_dump(mode="json") for cut in card.way.cuts]
    return facts


def _page(card: Card) -> str:
    title = escape(f"{card.name} {card.version}")
    parts = [
        f"<h1>{title}</h1>",
        _outcome(card.parity),
        *_folds_section(card.folds, pruned=card.way is not None),
        *_way_section(card.way),
        "<h2>Model</h2>",
        _table(_model_rows(card)),
        "<h2>Float against int8</h2>",
        *(_set_section(one) for one in card.parity.sets),
        "<h2>Speed</h2>",
        _speed(card.latency),
        "<h2>Data and licence</h2>",
        _table(
            [
                ("trained on", card.data),
                ("drift is held against", card.reference),
                ("note", card.note or "none given"),
            ]
        ),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _outcome(parity: ParityReport) -> str:
    if parity.passed:
        return '<p class="good">int8 stands in for the float model within the bound.</p>'
    text = escape(f"Written by force although it failed: {parity.failure}.")
    return f'<p class="bad">{text}</p>'


def _folds_section(folds: Folds | None, *, pruned: bool) -> list[str]:
    """Return what to expect of new parts; it stands first, being what a plant asks."""
    if folds is None:
        return []
    rows = [(name, _spread(spread)) for name, spread in
            (("accuracy", folds.accuracy), ("recall", folds.recall))]  # fmt: skip
    network = "The network before it was pruned, trained" if pruned else "Trained"
    text = (
        f"{network} in the same way {folds.folds} times, each time tested on other parts that it "
        f"had not seen (part-safe split, seed {folds.seed}); float, at a score of one half. Expect "
        "another lot of parts within the interval; with so few lots it is wide."
    )
    return ["<h2>New parts</h2>", f"<p>{escape(text)}</p>", _table(rows)]


def _spread(spread: Spread) -> str:
    each = ", ".join(f"{value:.2%}" for value in spread.values)
    return f"mean {spread.mean:.2%}; 95 % {spread.low:.2%} to {spread.high:.2%}; by fold {each}"


def _way_section(way: Way | None) -> list[str]:
    """Return what pruning cost and gave, step by step."""
    if way is None:
        return []
    text = (
        f"Judged on {way.judged_on}; the models ran in turn on this machine. Accuracy and other "
        "answers than the full float model's are at one half, escapes at each model's own "
        "thresholds."
    )
    titles = ("model", "pixels", "MMAC", "size", "p50 at 1 / 2 / 4 threads", "accuracy",
              "defective passed", "other answers")  # fmt: skip
    faster = (
        f"{way.ratio(0):.1f} times faster than the full float model, {way.ratio(1):.1f} times "
        "faster than the full int8 model, on one thread."
    )
    return [
        "<h2>From the full model to this one</h2>",
        f"<p>{escape(text)}</p>",
        _grid(titles, [_way_cells(row) for row in way.rows]),
        f"<p>{escape(faster)}</p>",
        *_cuts_table(way),
    ]


def _cuts_table(way: Way) -> list[str]:
    titles = ("step", "pixels", "parameters", "MMAC", "int8 p50", "right at validation")
    rows = [
        (
            cut.step,
            str(cut.size),
            f"{cut.parameters:,}",
            f"{cut.macs / 1e6:.1f}",
            f"{cut.int8_ms:.2f} ms",
            "-" if cut.validation_accuracy is None else f"{cut.validation_accuracy:.2%}",
        )
        for cut in way.cuts
    ]
    return ["<h3>Each step, float at validation</h3>", _grid(titles, rows)]


def _way_cells(row: StepRow) -> Sequence[str]:
    return (
        row.name,
        str(row.size),
        f"{row.macs / 1e6:.1f}",
        f"{row.model_bytes / 1e6:.2f} MB",
        " / ".join(f"{ms:.2f}" for ms in row.p50_ms.values()) + " ms",
        f"{row.accuracy.value:.2%} ({row.accuracy.low:.2%} to {row.accuracy.high:.2%})",
        f"{row.escapes.count} of {row.escapes.total}",
        f"{row.disagreements.count} of {row.disagreements.total}",
    )


def _model_rows(card: Card) -> list[tuple[str, str]]:
    operators, outside = (
        ", ".join(f"{name} {count}" for name, count in counts.items())
        for counts in (card.quantized.operators, card.quantized.outside)
    )
    return [
        ("release", str(card.release)),
        ("architecture, recipe", f"{card.architecture}, {card.recipe}"),
        ("input", card.input),
        ("labels", f"{', '.join(card.labels)}; defective: {', '.join(card.defective)}"),
        ("rejected from", f"{card.reject_at:.4f}; rechecked from {card.recheck_at:.4f}"),
        ("thresholds chosen", card.thresholds_chosen),
        ("multiply-accumulates", f"{card.macs / 1e6:.1f} million for one picture"),
        ("size", f"{card.int8_bytes:,} bytes; float {card.float_bytes:,} bytes"),
        ("operators, all int8", operators),
        ("of these not run by XNNPACK", outside or "none"),
        ("calibration", card.calibration),
    ]


def _set_section(one: SetParity) -> str:
    rows = [
        ("pictures", f"{one.pictures}, of them defective {one.defective}"),
        *_part_rows(one.by_part),
        ("accuracy, float", _interval(one.float_accuracy)),
        ("accuracy, int8", _interval(one.int8_accuracy)),
        ("defective ones passed, float", _interval(one.float_escapes)),
        ("defective ones passed, int8", _interval(one.int8_escapes)),
        ("new escapes; allowed", f"{one.new_escapes}; {one.allowed_escapes}"),
        ("new false rejects", f"{one.new_false_rejects}"),
        ("other answer at 0.5; at the thresholds", f"{one.disagreements}; {one.changed}"),
        ("largest shift of a score", f"{one.worst_shift:.4f}, on {one.worst_picture}"),
        ("pictures lost; allowed", f"{one.lost}; {one.allowed_loss}"),
    ]
    return f"<h3>{escape(one.name)}</h3><p>{escape(one.remark)}</p>{_table(rows)}"


def _part_rows(found: PartParity | None) -> list[tuple[str, str]]:
    """Return what is known by part; it stands first, being what a plant asks for."""
    if found is None:
        return []
    low, high = found.accuracy
    figures = found.figures
    caught = figures.defective_parts - figures.escaped_parts
    rows = [
        ("parts", f"{figures.defective_parts} defective, {figures.good_parts} good"),
        ("accuracy on these test parts, int8", f"95 % interval by part {low:.2%} to {high:.2%}"),
        (
            "defective parts of which no picture passes",
            f"{caught} of {figures.defective_parts}; at 95 % at most "
            f"{figures.escape_rate_upper_bound:.1%} of new ones have a picture that does",
        ),
    ]
    if figures.mean_recall_by_part is not None:
        rows.append(("defective parts stopped, in the mean", f"{figures.mean_recall_by_part:.2%}"))
    if figures.mean_false_rejects_by_part is not None:
        share = figures.mean_false_rejects_by_part
        rows.append(("good parts rejected, in the mean", f"{share:.2%}"))
    return rows


def _speed(latency: Latency | None) -> str:
    if latency is None:
        return "<p>Not measured here: <code>linewarden bench</code> does it on the device.</p>"
    rows = [
        ("invoke, float, median", f"{latency.float_ms:.2f} ms"),
        ("invoke, int8, median", f"{latency.int8_ms:.2f} ms"),
        ("measured on", f"{latency.machine}, threads {latency.threads}, {latency.runs} runs"),
    ]
    return _table(rows)


def _interval(one: Share) -> str:
    return (
        f"{one.value:.2%} ({one.count} of {one.total}; 95 % interval by pictures "
        f"{one.low:.2%} to {one.high:.2%})"
    )


def _table(rows: Iterable[Sequence[str]]) -> str:
    cells = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _grid(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"
