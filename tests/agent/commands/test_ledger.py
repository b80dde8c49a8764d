"""`linewarden ledger export`, `balance` and `audit` as a technician calls them."""

from __future__ import annotations

import csv
import json

import pytest
from made_ledger import MadeLedger
from typer.testing import CliRunner

from agent.audit.chain import AuditChain
from agent.audit.rows import CHAIN_NAME, HEAD_NAME, Deed, anchor_text
from agent.commands.ledger import ledger
from agent.errors import LedgerError


@pytest.fixture
def made(tmp_path):
    """Return a ledger of one session beside an audit chain, with the agent running."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    made = MadeLedger(folder)
    made.start()
    made.run("PPRCU")
    chain = AuditChain(folder, made.clock, "boot-a")
    made.chain = chain
    for deed in (Deed.STARTED, Deed.BYPASSED):
        head = chain.append(deed, "anna", deed.value)
        made.note("audit", f"{deed.value} by anna: {anchor_text(head)}")
    yield made
    made.stop()


def call(*arguments, code=0):
    """Run a sub-command and return what it printed."""
    done = CliRunner().invoke(ledger, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_export_writes_a_table_and_says_how_many(made, tmp_path):
    """In words, or as JSON."""
    file = tmp_path / "parts.csv"
    assert "5 parts" in call("export", "--ledger", made.folder, "--csv", file)
    with file.open(newline="") as content:
        assert len(list(csv.reader(content))) == 6
    options = ("--since", "2023-11-14T22:13:24Z", "--json")
    said = call("export", "--ledger", made.folder, "--csv", file, *options)
    assert json.loads(said) == {"file": str(file), "parts": 3}


@pytest.mark.parametrize("files", [(), ("--csv", "a", "--parquet", "b")])
def test_export_wants_one_file(made, files):
    """None and two are used wrongly: exit code 2."""
    call("export", "--ledger", made.folder, *files, code=2)


def test_balance_says_what_balances(made):
    """One line per session, then all; exit code 0."""
    said = call("balance", "--ledger", made.folder)
    assert said.endswith("it balances\n")
    assert said.splitlines()[1].split()[2:] == ["5", "2", "1", "1", "1", "0"]
    answer = json.loads(call("balance", "--ledger", made.folder, "--json"))
    assert answer["balances"] is True
    assert answer["total"]["triggers"] == 5
    one = answer["sessions"][0]["session"]
    assert json.loads(call("balance", "--ledger", made.folder, "--session", one, "--json"))


def test_balance_fails_with_exit_code_1(made):
    """A row that is gone is said, in words and as JSON."""
    made.stop()
    made.edit("DELETE FROM part WHERE seq = 2")
    said = call("balance", "--ledger", made.folder, code=1)
    assert "fault: 5 triggers were counted" in said
    assert "NOT balance" in said
    answer = json.loads(call("balance", "--ledger", made.folder, "--json", code=1))
    assert answer["faults"]


def test_the_deleted_rows_are_shown_in_the_account(made):
    """Retention takes rows, not counts."""
    made.ledger.mark_published([1, 2])
    made.ledger.prune(keep_rows=4)
    assert "with the deleted" in call("balance", "--ledger", made.folder)


def test_the_ledger_of_the_configuration_is_taken(made, tmp_path):
    """Without --ledger the agent's own file says where it is."""
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[camera]\ndriver = "sim"\n[gate]\ndriver = "sim"\n[model]\nbundle = "m.lwb"\n'
        f'[ledger]\nfolder = "{made.folder.name}"\n'
    )
    assert "it balances" in call("balance", "--config", config)


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_said(made, option):
    """One sentence that shows how to write it."""
    with pytest.raises(LedgerError, match="is no date or time"):
        call("balance", "--ledger", made.folder, option, "noon")


def test_audit_verifies_and_exports(made, tmp_path):
    """The export is the chain byte for byte, and is verified by itself."""
    file = tmp_path / "chain.jsonl"
    said = call("audit", "--ledger", made.folder, "--export", file)
    head = made.chain.head
    assert head.text in said
    assert "no row was altered" in said
    assert file.read_bytes() == (made.folder / CHAIN_NAME).read_bytes()
    said = call("audit", "--chain", file, "--head", head.text, "--json")
    answer = json.loads(said)
    assert (answer["sound"], answer["rows"], answer["first_bad_row"]) == (True, 3, None)
    call("audit", "--chain", file, "--head", "nonsense", code=2)
    with pytest.raises(LedgerError, match="the chain itself"):
        call("audit", "--chain", file, "--export", file)
    with pytest.raises(LedgerError, match="cannot write"):
        call("audit", "--chain", file, "--export", tmp_path / "missing" / "file")


def test_audit_names_the_first_bad_row(made):
    """Exit code 1."""
    chain = made.folder / CHAIN_NAME
    chain.write_bytes(chain.read_bytes().replace(b"bypassed", b"bypass'd"))
    said = call("audit", "--ledger", made.folder, code=1)
    assert "the first bad row is 3" in said
    answer = json.loads(call("audit", "--ledger", made.folder, "--json", code=1))
    assert answer["first_bad_row"] == 3


def test_a_chain_made_anew_is_found_by_the_ledgers_events(made):
    """Its heads stand in the ledger too, and with the plant."""
    for name in (CHAIN_NAME, HEAD_NAME):
        (made.folder / name).unlink()
    chain = AuditChain(made.folder, made.clock, "boot-a")
    for deed in (Deed.STARTED, Deed.RESUMED):
        chain.append(deed, "anna", deed.value)
    assert "the first bad row is 2" in call("audit", "--ledger", made.folder, code=1)


def test_audit_works_without_a_ledger(made):
    """A ledger that was set aside takes nothing from the chain."""
    made.stop()
    for file in made.folder.glob("ledger.sqlite*"):
        file.unlink()
    assert "no row was altered" in call("audit", "--ledger", made.folder)


def test_each_sub_command_has_help_with_an_example():
    """The help of the group names them."""
    said = call("--help")
    for name in ("export", "balance", "audit"):
        assert name in said
        assert "Example: linewarden ledger" in call(name, "--help")
