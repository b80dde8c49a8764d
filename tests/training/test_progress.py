"""The progress of a training counts right and prints plain lines where there is no terminal."""

import io

from rich.console import Console

from training.progress import LINES_PER_EPOCH, FitProgress
from training.run_folder import EpochRecord


def _run(terminal, steps=8):
    now = [0.0]
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    with FitProgress(console, lambda: now[0]) as progress:
        progress.begin(160.0, 0.0)
        progress.begin_epoch("epoch 1 (all)", 80)
        for _ in range(steps):
            now[0] += 2.0
            progress.advance(10, 10.0, 0.25)
        rate = progress.pictures_per_s()
    return stream.getvalue(), rate


def test_plain_lines_without_a_terminal():
    """A log gets a few lines an epoch, with rate and time left, and no control codes."""
    text, rate = _run(terminal=False)
    lines = text.splitlines()
    assert len(lines) == LINES_PER_EPOCH
    assert rate == 5.0
    assert lines[-1] == "epoch 1 (all): 80/80  loss 0.2500  5 pictures/s  0:00:16 left"
    assert "\x1b" not in text


def test_a_bar_in_a_terminal():
    """A terminal gets a bar with the same figures."""
    text, _ = _run(terminal=True)
    assert "pictures/s" in text
    assert "\x1b" in text


def test_time_left_counts_only_this_process():
    """A resumed run's earlier work took no time here, so it makes nothing look faster."""
    now = [0.0]
    stream = io.StringIO()
    with FitProgress(Console(file=stream, width=120), lambda: now[0]) as progress:
        progress.begin(100.0, 50.0)
        progress.begin_epoch("epoch 3 (all)", 10)
        now[0] = 10.0
        progress.advance(10, 10.0, 0.5)
    assert "0:00:40 left" in stream.getvalue()


def test_an_epoch_ends_in_a_line():
    """The line holds what was learned and how fast."""
    stream = io.StringIO()
    record = EpochRecord(
        epoch=2, phase="all", size=32, learning_rate=0.1, loss=0.5, accuracy=0.8,
        val_loss=0.6, val_accuracy=0.7, pictures_per_s=9.0, duration_s=4.0,
    )  # fmt: skip
    FitProgress(Console(file=stream, width=120), lambda: 0.0).end_epoch(record)
    assert "epoch 2 (all, 32 px): loss 0.5000, accuracy 0.8000" in stream.getvalue()
    assert "validation 0.6000 / 0.7000, 9.0 pictures/s" in stream.getvalue()
