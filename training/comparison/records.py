"""What a comparison is made of: estimates, the figures of a side, runs, entries of the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from training.comparison.paper import network_title
from training.evaluate import Confusion
from training.run_folder import EpochRecord

Basis = Literal["pictures", "parts", "folds", "none"]
Kind = Literal["folders", "part-safe"]

METRIC_NAMES = ("accuracy", "precision", "recall", "f1", "specificity", "auc")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95 % interval, and what that counts: pictures, whole parts or folds."""

    value: float
    low: float | None = None
    high: float | None = None
    basis: Basis = "none"


@dataclass(frozen=True, slots=True)
class PartCounts:
    """Physical parts at one threshold; a defective part escapes if any picture of it is passed."""

    defective: int
    escaped: int
    good: int
    rejected: int
    recall: Estimate | None


@dataclass(frozen=True, slots=True)
class LineCounts:
    """What the line would do with the pictures at the model's own thresholds."""

    defective: int
    escapes: int
    good: int
    false_rejects: int
    rechecks: int
    parts: PartCounts | None


@dataclass(frozen=True, slots=True)
class SideFigures:
    """Figures on one side of a split at one half; a figure that is not known is left out.

    `false_rejects_at_99` is the share of good pictures called defective where 99 % of the defective
    pictures are found; by part, where every picture of 99 % of the defective parts is.
    """

    pictures: int
    confusion: Confusion | None
    metrics: dict[str, Estimate]
    parts: PartCounts | None = None
    line: LineCounts | None = None
    false_rejects_at_99: Estimate | None = None
    false_rejects_at_99_by_part: Estimate | None = None
    included_seen: int = 0
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class SplitKind:
    """How the pictures of a run were divided. Only a part-safe split keeps a part on one side."""

    kind: Kind
    fold: int | None = None
    folds: int | None = None
    seed: int | None = None

    @property
    def part_safe(self) -> bool:
        """Return whether no part stands on two sides."""
        return self.kind == "part-safe"

    @property
    def label(self) -> str:
        """Return it in a few words."""
        if not self.part_safe:
            return "folders as given"
        if self.folds is None or self.folds < 2 or self.fold is None:
            return "part-safe"
        return f"part-safe, fold {self.fold} of {self.folds}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model costs; `latency_ms` is a median on this machine, never the device's figure."""

    parameters: int
    macs: int
    uncounted: tuple[str, ...]
    latency_ms: float | None
    latency_runs: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder as the comparison reads it; the sides are None where nothing was measured."""

    name: str
    network: str
    split: SplitKind
    input_size: tuple[int, int, int]
    data_fingerprint: str
    data_pictures: int
    labels: tuple[str, ...]
    defective: tuple[str, ...]
    thresholds: tuple[float, float] | None
    options: dict[str, object]
    environment: dict[str, object]
    history: tuple[EpochRecord, ...]
    training: Estimate | None
    training_basis: str
    validation: SideFigures | None
    test: SideFigures | None
    model_bytes: int | None
    finished: bool

    @property
    def duration_s(self) -> float:
        """Return how long its epochs took together."""
        return sum(record.duration_s for record in self.history)

    @property
    def state(self) -> str:
        """Return how far it came, in a few words."""
        if not self.finished:
            return f"unfinished after {len(self.history)} epochs"
        return "no test pictures" if self.test is None else "finished"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the tables: one run, or the folds of one network with one recipe.

    Of several folds the metrics are means with the t interval, the counts are sums.
    """

    runs: tuple[Run, ...]
    training: Estimate | None
    validation: Estimate | None
    test: SideFigures | None
    cost: Cost | None = None

    @property
    def network(self) -> str:
        """Return the network's name in the catalogue."""
        return self.runs[0].network

    @property
    def title(self) -> str:
        """Return the network's name as people write it."""
        return network_title(self.network)

    @property
    def part_safe(self) -> bool:
        """Return whether its figures hold for parts that the model has not seen."""
        return self.runs[0].split.part_safe

    @property
    def split_label(self) -> str:
        """Return its split in a few words."""
        if len(self.runs) == 1:
            return self.runs[0].split.label
        folds = sorted(run.split.fold or 0 for run in self.runs)
        missing = (self.runs[0].split.folds or 0) - len(folds)
        which = f"folds {', '.join(map(str, folds))} of {self.runs[0].split.folds}"
        return f"part-safe, {which if missing else f'all {len(folds)} folds'}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything a page and its tables say."""

    entries: tuple[Entry, ...]
    machine: dict[str, object]
    warnings: tuple[str, ...] = field(default=())

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return all runs in the order of the entries."""
        return tuple(run for entry in self.entries for run in entry.runs)

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the networks in the order of the entries, each once."""
        return tuple(dict.fromkeys(entry.network for entry in self.entries))

    def of(self, network: str, *, part_safe: bool) -> Entry | None:
        """Return the entry of a network on one kind of split: tested, with the most folds."""
        found = [each for each in self.entries if each.network == network]
        kind = [each for each in found if each.part_safe == part_safe]
        return max(kind, key=lambda each: (each.test is not None, len(each.runs)), default=None)

    def label(self, entry: Entry) -> str:
        """Return the split of an entry in a few words, and its run where others are alike."""
        alike = [
            each
            for each in self.entries
            if (each.network, each.split_label) == (entry.network, entry.split_label)
        ]
        return entry.split_label if len(alike) == 1 else f"{entry.split_label}: {_names(entry)}"


def _names(entry: Entry) -> str:
    return ", ".join(run.name for run in entry.runs)
