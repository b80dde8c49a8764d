"""What a comparison says in words: what holds for new parts, what does not, what to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.comparison.cells import estimate_text, percent
from training.comparison.paper import find_paper_model
from training.comparison.records import Comparison, Entry, Estimate


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the page's head; `holds` where it speaks of parts never seen."""

    text: str
    holds: bool


def find_claims(comparison: Comparison) -> tuple[Claim, ...]:
    """Return what holds and what does not, the most important first."""
    tested = [each for each in comparison.entries if each.test is not None]
    safe = [each for each in tested if each.part_safe]
    folders = [each for each in tested if not each.part_safe]
    claims = [_safe_claim(_best(safe))] if safe else [_no_safe_claim(tested)]
    if folders:
        claims.append(_folders_claim(_best(folders), safe))
    return (*claims, *_one_class_claims(tested))


def _best(entries: Sequence[Entry]) -> Entry:
    return max(entries, key=_accuracy)


def _accuracy(entry: Entry) -> float:
    accuracy = None if entry.test is None else entry.test.metrics.get("accuracy")
    return -1.0 if accuracy is None else accuracy.value


def _metric(entry: Entry, name: str) -> Estimate | None:
    return None if entry.test is None else entry.test.metrics.get(name)


def _safe_claim(entry: Entry) -> Claim:
    text = (
        f"What holds: on parts never seen, {entry.title} ({entry.split_label}) calls "
        f"{estimate_text(_metric(entry, 'accuracy'))} of the pictures right and finds "
        f"{estimate_text(_metric(entry, 'recall'))} of the defective ones at one half."
    )
    parts = None if entry.test is None or entry.test.line is None else entry.test.line.parts
    if parts is not None and parts.recall is not None:
        text += (
            f" At its own thresholds {parts.escaped} of {parts.defective} defective parts have a "
            f"picture that is passed: by part it catches {estimate_text(parts.recall)}."
        )
    return Claim(text, holds=True)


def _no_safe_claim(tested: Sequence[Entry]) -> Claim:
    if not tested:
        return Claim("What holds: nothing yet, no run here was tested.", holds=False)
    text = (
        "What holds: nothing yet for parts never seen, since no run here was tested on a part-safe "
        "split (linewarden audit DATA --write-split FILE, then linewarden train --split FILE)."
    )
    return Claim(text, holds=False)


def _folders_claim(entry: Entry, safe: Sequence[Entry]) -> Claim:
    accuracy = _metric(entry, "accuracy")
    text = (
        f"What does not hold: the {percent(None if accuracy is None else accuracy.value)} of "
        f"{entry.title} on the folders as given, where copies of one part may stand on both sides."
    )
    paper = find_paper_model(entry.network)
    if paper is not None:
        text += f" On such terms the paper has {percent(paper.accuracy)}, of its own test pictures."
    same = next((each for each in safe if each.network == entry.network), None)
    if same is not None:
        text += f" On parts never seen it is {estimate_text(_metric(same, 'accuracy'))}."
    return Claim(text, holds=False)


def _one_class_claims(entries: Sequence[Entry]) -> list[Claim]:
    """Name the models that call every picture the same: their accuracy is the classes' shares."""
    claims = []
    for entry in entries:
        counts = None if entry.test is None else entry.test.confusion
        if counts is None or min(counts.tp + counts.fp, counts.fn + counts.tn) > 0:
            continue
        called = "defective" if counts.tp + counts.fp else "good"
        names = ", ".join(run.name for run in entry.runs)
        claims.append(Claim(f"{names} calls every picture {called}: it is no model.", holds=False))
    return claims


def find_warnings(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return what makes figures of one table less comparable, or less, than they seem."""
    return (*_leaks(entries), *_doubtful_tests(entries), *_differences(entries), *_gaps(entries))


def _leaks(entries: Sequence[Entry]) -> list[str]:
    names = [run.name for each in entries if not each.part_safe for run in each.runs if run.test]
    if not names:
        return []
    return [
        f"{', '.join(names)}: tested on the folders as given, without part groups. Where the "
        "pictures were augmented before they were divided, as the vendor's castings were, parts "
        "stand on both sides and the figures leak: they only serve to be set beside the paper's."
    ]


def _doubtful_tests(entries: Sequence[Entry]) -> list[str]:
    found = [
        f"{each.runs[0].name}: {each.test.included_seen} test pictures were seen in training."
        for each in entries
        if each.test is not None and each.test.included_seen
    ]
    if any(len(each.runs) > 1 for each in entries):
        found.append(
            "Folds of one network share most of their training parts, so that the interval over "
            "folds is a little too narrow; a few folds make it wide all the same."
        )
    return found


def _differences(entries: Sequence[Entry]) -> list[str]:
    runs = [run for each in entries for run in each.runs]
    safe = [run for run in runs if run.split.part_safe]
    plain = [run for run in runs if not run.split.part_safe]
    found = []
    for what, values in (
        ("pictures", {run.data_fingerprint[:12] for run in plain}),
        ("pictures under a part-safe split", {run.data_fingerprint[:12] for run in safe}),
        ("input sizes", {f"{run.input_size[1]}x{run.input_size[0]}" for run in runs}),
        ("classes", {" / ".join(run.labels) for run in runs}),
    ):
        if len(values) > 1:
            found.append(f"The runs have different {what}: {', '.join(sorted(values))}.")
    tests = {
        each.test.fingerprint
        for each in entries
        if each.test is not None and not each.part_safe and each.test.fingerprint
    }
    if len(tests) > 1:
        found.append(f"The runs on folders as given were tested on {len(tests)} different sets.")
    return found


def _gaps(entries: Sequence[Entry]) -> list[str]:
    found = [
        f"{run.name} is {run.state}: its row is empty."
        for each in entries
        for run in each.runs
        if run.test is None
    ]
    for each in entries:
        folds = each.runs[0].split.folds or 1
        if each.part_safe and each.test is not None and len(each.runs) < folds:
            found.append(
                f"{each.title}: {len(each.runs)} of {folds} folds, so the parts of the other folds "
                "were not tested."
            )
        if each.cost is not None and each.cost.uncounted:
            found.append(f"{each.title}: not counted as work: {', '.join(each.cost.uncounted)}.")
    return found
