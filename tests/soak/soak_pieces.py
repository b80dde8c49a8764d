"""All pieces of the soak, with how much of each a release asks for."""

from __future__ import annotations

from argparse import Namespace

from soak_disk import can_cut, run_cuts, run_outage
from soak_lanes import run_lanes
from soak_parsers import run_bundles, targets
from soak_piece import Piece
from soak_process import LOAD_RATE, run_kills, run_load, run_mixes
from soak_wire import run_wire

DAY_ROWS = 864_000
# One trial of these has many mutants in it (see tests/test_fuzz.py).
MUTANTS_A_TRIAL = {"gate_board": 120, "gate_host": 12}


def pieces(options: Namespace) -> list[Piece]:
    """Return the pieces as large as the options say."""
    fuzzing = [
        Piece(
            f"fuzz-{name}", _unit(name), "no crash, no lie taken", "18, 19, 56, 62",
            max(1, options.fuzz // MUTANTS_A_TRIAL.get(name, 1)), 2000, run,
        )
        for name, run in targets().items()
    ]  # fmt: skip
    cuts = [
        Piece("power-cuts", "cut", "no promised row lost", "47", options.cuts, 25, run_cuts)
    ] * can_cut()
    load_parts = round(options.hours * 3600 * LOAD_RATE)
    return [
        Piece(
            "lanes", "part", "no part passed but by its own PASS, balance exact",
            "1, 3, 6, 9, 14", options.parts, 20_000, run_lanes,
        ),
        Piece(
            "wire", "part", "no part passed without its own permission",
            "15, 18, 19, 22, 23", options.wire_parts, 2_000, run_wire,
        ),
        *fuzzing,
        Piece(
            "fuzz-bundles", "mutant", "none accepted", "55, 56", options.fuzz, options.fuzz,
            run_bundles,
        ),
        Piece(
            "outage", "row", "complete, in order, flat memory", "40",
            round(options.days * DAY_ROWS), max(1, round(options.days * DAY_ROWS)), run_outage,
        ),
        *cuts,
        Piece(
            "kills", "kill -9", "no wrong-part gate, no row lost or twice", "7", options.kills, 5,
            run_kills,
        ),
        Piece(
            "mixes", "mix", "all promises, by four witnesses", "66", options.mixes, 1, run_mixes,
        ),
        Piece(
            "load", "part", "balance exact, memory within 5 MiB", "6, 64", load_parts,
            max(1, min(load_parts, round(600 * LOAD_RATE))), run_load,
        ),
    ]  # fmt: skip


def _unit(name: str) -> str:
    many = MUTANTS_A_TRIAL.get(name)
    return f"trial of {many} mutants" if many else "mutant"
