"""Topics and bodies: what the plant reads, and the schemas it is held to."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.document import Station
from agent.drift.detector import DriftStatus, FigureStatus
from agent.drift.trend import LEARNING, TrendStatus
from agent.ledger.rows import Balance, EventRow, ResultRow
from agent.plant.bodies import ModelState, Result, State
from agent.plant.messages import (
    SCHEMAS,
    Condition,
    Topics,
    event_message,
    result_message,
    schema_name,
    shortened,
    state_body,
    state_message,
    status_message,
)
from agent.records import OutcomeCode, Part, Reason, Trigger, Verdict, VerdictKind
from agent.tally import Tally
from agent.thermal import Thermal

ROOT = Path(__file__).resolve().parents[3]
SECOND_NS = 1_000_000_000
WALL_NS = 1_714_979_103_250_000_000

ROW = ResultRow(
    seq=1204,
    prev=1203,
    boot=51234,
    gate_part=880,
    this_boot=True,
    at_ns=100 * SECOND_NS,
    wall_ns=WALL_NS,
    clock_ok=True,
    verdict=VerdictKind.REJECT,
    reason=Reason.NONE,
    score=0.9731,
    model="casting 3",
    frame_ns=100 * SECOND_NS + 4_200_000,
    ready_ns=100 * SECOND_NS + 9_000_000,
    judged_ns=100 * SECOND_NS + 31_250_000,
    prepare_us=810,
    invoke_us=17_400,
    outcome=OutcomeCode.REJECTED,
    outcome_ns=100 * SECOND_NS + 400_000_000,
    picture="pictures/0000001/0000001204.jpg",
)


def body(row: ResultRow, now_ns: int = 101 * SECOND_NS) -> dict:
    """Return a result's body as a subscriber parses it."""
    return json.loads(result_message(row, "press-3", "a1b2c3d4", now_ns))


def test_a_result_says_what_became_of_the_part() -> None:
    """Identity, verdict, gate and times, each under its documented name."""
    parsed = body(ROW)
    assert parsed["id"] == "press-3/a1b2c3d4/1204"
    assert (parsed["seq"], parsed["prev"]) == (1204, 1203)
    assert (parsed["verdict"], parsed["reason"], parsed["outcome"]) == (
        "REJECT",
        "none",
        "rejected",
    )
    assert parsed["at"] == "2024-05-06T07:05:03.250Z"
    times = ("frame_ms", "verdict_ms", "gate_ms", "prepare_ms", "invoke_ms")
    assert [parsed[key] for key in times] == [4.2, 31.25, 400.0, 0.81, 17.4]


def test_a_part_without_a_picture_has_no_times_of_one() -> None:
    """Unknown is null, never zero."""
    bare = replace(ROW, score=None, frame_ns=None, prepare_us=None, invoke_us=None, prev=None)
    parsed = body(bare)
    assert parsed["score"] is parsed["frame_ms"] is parsed["invoke_ms"] is parsed["prev"] is None


@pytest.mark.parametrize(
    ("row", "now_s", "replayed"),
    [
        (ROW, 101, False),
        (ROW, 130, False),
        (ROW, 131, True),
        (replace(ROW, this_boot=False), 101, True),
        (replace(ROW, outcome_ns=None), 131, True),
    ],
)
def test_a_result_over_30_s_old_is_marked_as_replayed(
    row: ResultRow, now_s: int, replayed: bool
) -> None:
    """Counted from the gate on, since a belt may be long; after a reboot nobody knows."""
    assert body(row, now_s * SECOND_NS)["replayed"] is replayed


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_repeats_differ_in_nothing_but_replayed(first_ns: int, second_ns: int) -> None:
    """Whoever keeps the first and drops the second loses nothing."""
    first, second = body(ROW, first_ns), body(ROW, second_ns)
    assert {**first, "replayed": None} == {**second, "replayed": None}


def test_an_event_has_an_id_of_its_own_kind() -> None:
    """Events and results never share an id."""
    row = EventRow(7, True, 100 * SECOND_NS, WALL_NS, "gate_lost", "the port is gone")
    parsed = json.loads(event_message(row, "press-3", "a1b2c3d4", 131 * SECOND_NS))
    assert parsed["id"] == "press-3/a1b2c3d4/event-7"
    assert parsed["replayed"] is True
    assert (parsed["kind"], parsed["text"]) == ("gate_lost", "the port is gone")


@pytest.mark.parametrize(
    ("reason", "status"), [("started", "online"), ("stopped", "offline"), ("lost", "offline")]
)
def test_the_status_says_whether_an_end_was_meant(reason, status: str) -> None:
    """Stopped and lost are both offline, and not the same."""
    message = status_message(
        reason, device="press-3", session="s", version="1", since_wall_ns=WALL_NS
    )
    parsed = json.loads(message)
    assert (parsed["status"], parsed["reason"]) == (status, reason)


QUIET = Condition(
    model=ModelState(name="casting", version="3", signed=False),
    gate="ready",
    camera="up",
    broker="",
    drift=DriftStatus(()),
    trend=LEARNING,
    audit="",
)


def test_the_state_says_what_slows_the_board_down():
    """Heat and supply, as the kernel and a Pi's firmware tell them."""
    hot = replace(QUIET, thermal=Thermal(84.0, ("throttled", "under_voltage")))
    body = some_state(Tally(), hot)
    assert body.board.temperature_c == 84.0
    assert body.board.slowed_by == ["throttled", "under_voltage"]
    assert some_state(Tally()).board.slowed_by == []


def some_state(tally: Tally, condition: Condition = QUIET) -> State:
    """Return a state with an account of nine parts."""
    return state_body(
        wall_ns=WALL_NS,
        since_wall_ns=WALL_NS - SECOND_NS,
        version="0.1.0",
        balance=Balance(9, 5, 1, 1, 2, 1),
        snapshot=tally.snapshot(),
        backlog=4,
        condition=condition,
    )


def test_the_state_balances_with_parts_in_work() -> None:
    """Counts of the ledger and of this start, percentiles, and the condition in words."""
    tally = Tally()
    for number in range(3):
        trigger = Trigger(1, number, number * SECOND_NS)
        tally.trigger(trigger.at_ns)
        if number:
            times = {"ready_ns": trigger.at_ns, "judged_ns": trigger.at_ns, "invoke_us": 4000}
            verdict = Verdict(Part(number, trigger), VerdictKind.PASS, **times)
            tally.verdict(verdict, trigger.at_ns + 5_000_000)
    message = state_message(some_state(tally))
    state = State.model_validate_json(message)
    assert (state.session.triggers, state.session.passed, state.session.in_work) == (3, 2, 1)
    for account in (state.session, state.balance):
        verdicts = account.passed + account.rejected + account.rechecked + account.uninspected
        assert account.triggers == verdicts
    assert state.invoke_ms.p50 == 4.0
    assert state.hand_to_gate_ms.worst == 5.0
    assert (state.since, state.backlog) == ("2024-05-06T07:05:02.250Z", 4)


def test_the_state_says_whether_the_line_looks_as_it_did() -> None:
    """Drift of each figure, the reject rate's trend, and the audit chain's head."""
    trend = TrendStatus(
        9000, 180, 0.02, 0.031, 0.00150049, 0.001, 0.002, 0.99999971, 20_666, "rising"
    )
    changed = replace(
        QUIET,
        drift=DriftStatus(
            (
                FigureStatus("score", "bundle", 0.31, -22.5, drifting=True),
                FigureStatus("brightness", "learning", None, None, drifting=False),
            )
        ),
        trend=trend,
        audit="12:" + "ab" * 32,
    )
    parsed = json.loads(state_message(some_state(Tally(), changed)))
    assert parsed["drift"] == [
        {
            "name": "score",
            "source": "bundle",
            "index": 0.31,
            "cusum": -22.5,
            "drifting": True,
        },
        {
            "name": "brightness",
            "source": "learning",
            "index": None,
            "cusum": None,
            "drifting": False,
        },
    ]
    assert parsed["reject_trend"] == {
        "trend": "rising",
        "parts": 9000,
        "rate": 0.02,
        "per_1000": 0.0015,
        "per_1000_low": 0.001,
        "per_1000_high": 0.002,
        "confidence": 1.0,
        "doubles_in_parts": 20_666,
    }
    assert parsed["audit"] == changed.audit


def test_a_state_cut_for_a_small_broker_still_balances() -> None:
    """Drift, trend and audit go first: they are events as well."""
    short = json.loads(shortened(state_message(some_state(Tally())), State))
    assert not {"drift", "reject_trend", "audit"} & set(short)
    assert State.model_validate(short).balance.triggers == 9


def test_topics_follow_the_station() -> None:
    """ROOT/SITE/AREA/LINE/CELL and the kind."""
    topics = Topics(Station(root="r", site="s", area="a", line="l", cell="c"))
    assert topics.result == "r/s/a/l/c/result"
    names = [topics.status, topics.state, topics.event]
    assert names == [f"r/s/a/l/c/{kind}" for kind in ("status", "state", "event")]
    assert schema_name(topics.result) == "linewarden/result/1"


def test_a_shortened_result_still_fits_its_schema() -> None:
    """A broker for small packets gets the required keys, and those are valid."""
    whole = result_message(ROW, "press-3", "a1b2c3d4", 0)
    short = shortened(whole, Result)
    assert len(short) < len(whole) / 2
    assert Result.model_validate_json(short).id == "press-3/a1b2c3d4/1204"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_schemas_on_disk_are_those_of_the_models(name: str) -> None:
    """Run scripts/write_schemas.py after a change of a body."""
    script = runpy.run_path(str(ROOT / "scripts" / "write_schemas.py"))
    on_disk = (ROOT / "docs" / "schemas" / f"{name}.json").read_text("utf-8")
    assert on_disk == script["schema_text"](name)


def test_every_field_has_a_sentence() -> None:
    """The schema is the documentation."""
    schemas = [model.model_json_schema(mode="serialization") for model in SCHEMAS.values()]
    objects = [*schemas, *(part for schema in schemas for part in schema.get("$defs", {}).values())]
    for schema in objects:
        for key, field in schema.get("properties", {}).items():
            assert field.get("description", "").endswith("."), f"{schema['title']}.{key}"


def test_the_documented_examples_are_valid() -> None:
    """Each JSON block of docs/topics.md is a body of the topic it stands under."""
    text = (ROOT / "docs" / "topics.md").read_text("utf-8")
    found = re.findall(r"^## `…/(\w+)`.*?```json\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in found} == set(SCHEMAS)
    for name, example in found:
        SCHEMAS[name].model_validate_json(example)


def test_balance_is_not_taken_for_holding_when_it_does_not() -> None:
    """The check that others lean on can fail."""
    assert Balance(triggers=2, passed=1, uninspected=1, in_work=1).holds
    assert not Balance(triggers=2, passed=1).holds
    assert not Balance(triggers=1, passed=1, in_work=1).holds


def test_a_model_state_knows_no_other_keys() -> None:
    """A typing mistake in a body is an error here, not a surprise in the plant."""
    with pytest.raises(ValueError, match="extra"):
        ModelState(name="m", version="1", signed=False, colour="red")
