"""The ledger under attack: kills, power cuts, full and failing disks, damaged files."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from small_disk import fill, read_only, small_disk

from agent.clock import ManualClock, SystemClock
from agent.errors import LedgerError
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import Ledger, open_ledger
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

ROOT = Path(__file__).resolve().parents[3]
PROBE = ROOT.parent / "shared" / "tools" / "powercut_probe.py"
LEDGER = "ledger.sqlite"

# Writes until it is killed: opens a few parts, judges those before, reports those before these,
# and publishes. It prints what is promised once `write` has returned, and each acknowledgement
# before it is marked.
WRITER = """
import itertools, sys
from pathlib import Path
from agent.clock import SystemClock
from agent.errors import LedgerError
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import open_ledger
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

folder, life = Path(sys.argv[1]), int(sys.argv[2])
limit = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
clock = SystemClock()
ledger = open_ledger(folder, clock)

def write(batch):
    try:
        return ledger.write(batch)
    except LedgerError as error:
        print("error", error, flush=True)
        ledger.reopen()
        return ledger.write(batch)

opened, judged = [], []
count = itertools.count(1)
for turn in range(limit):
    parts = [Part(ledger.sequencer.next(), Trigger(life, next(count), clock.now_ns()))
             for _ in range(1 + turn % 7)]
    verdicts = [Verdict(part, list(VerdictKind)[part.seq % 3]) for part in opened]
    outcomes = [
        GateOutcome(life, v.part.trigger.part,
                    OutcomeCode.PASSED if v.kind is VerdictKind.PASS else OutcomeCode.REJECTED, 1)
        for v in judged]
    write([OpenPart(p, clock.wall_ns()) for p in parts]
          + [SetVerdict(v) for v in verdicts] + [SetOutcome(o) for o in outcomes])
    lines = [f"open {life} {p.trigger.part} {p.seq}" for p in parts]
    lines += [f"verdict {life} {v.part.trigger.part} {v.kind.value}" for v in verdicts]
    lines += [f"outcome {life} {o.part} {o.code.value}" for o in outcomes]
    print("\\n".join(lines), flush=True)
    opened, judged = parts, verdicts
    rows = ledger.unpublished(5)
    print("\\n".join(f"puback {r.boot} {r.gate_part} {r.seq}" for r in rows) or "idle", flush=True)
    ledger.mark_published([r.seq for r in rows])
    ledger.extend_reservation()
print("done", flush=True)
ledger.close()
"""


def compare(folder: Path, lines: list[str], *, all_lines: bool = True) -> None:
    """Judge a ledger by the promises printed: nothing promised is missing, the balance holds.

    With `all_lines` nothing is marked either that was not acknowledged; the power cut's record
    lacks lines which were printed but not yet read at the cut.
    """
    connection = sqlite3.connect(folder / LEDGER)
    query = "SELECT boot, gate_part, seq, verdict, reason, outcome, published FROM part"
    rows = {(row[0], row[1]): row[2:] for row in connection.execute(query)}
    connection.close()
    acknowledged = set()
    for line in lines:
        word, *rest = line.split() or ("",)
        if word not in {"open", "verdict", "outcome", "puback"}:
            continue
        key = (int(rest[0]), int(rest[1]))
        seq, verdict, _, outcome, _ = rows[key]
        if word in {"open", "puback"}:
            assert seq == int(rest[2])
            acknowledged |= {key} if word == "puback" else set()
        else:
            assert rest[2] == (verdict if word == "verdict" else outcome)
    published = {key for key, row in rows.items() if row[4]}
    assert published <= acknowledged or not all_lines
    assert len({row[0] for row in rows.values()}) == len(rows)


def survived(folder: Path, lines: list[str]) -> None:
    """Judge a ledger after a power cut: promises kept, and it opens without a finding."""
    if any(line.startswith("open") for line in lines):
        compare(folder, lines, all_lines=False)
    ledger = open_ledger(folder, SystemClock())
    balance = ledger.balance()
    ledger.close()
    assert balance.holds
    assert ledger.findings == ()


def writer(folder: Path, life: int, *more: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen:
    """Start the writer in a process of its own."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", WRITER, str(folder), str(life), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_what_was_promised_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    """Twenty lives on one ledger, each killed somewhere: rows >= promises, no number reused."""
    chance = random.Random(11)
    promises: list[str] = []
    for life in range(1, 21):
        process = writer(tmp_path, life)
        promises += [process.stdout.readline().strip() for _ in range(chance.randint(1, 400))]
        process.kill()
        promises += process.stdout.read().split("\n")[:-1]
        process.stdout.close()
        process.stderr.close()
        process.wait()
        compare(tmp_path, promises)
    ledger = open_ledger(tmp_path, SystemClock())
    balance = ledger.balance()
    ledger.close()
    assert balance.holds
    assert balance.in_work == 0
    assert balance.triggers >= sum(line.startswith("open") for line in promises)
    assert ledger.findings == ()


@pytest.mark.slow
def test_what_was_promised_survives_power_cuts(tmp_path: Path) -> None:
    """An ext4 that forgets what was not synced: 25 cuts, nothing promised is missing."""
    if not PROBE.exists():
        pytest.skip("needs ../shared/tools/powercut_probe.py")
    if subprocess.run(
        [sys.executable, PROBE, "--can-run"], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs root, loop devices and ext4")
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    check = (
        "import sys; from pathlib import Path;"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}];"
        "import test_ledger_faults as t;"
        "t.survived(Path(sys.argv[1]), Path(sys.argv[2]).read_text().splitlines())"
    )
    done = subprocess.run(
        [
            *(sys.executable, PROBE, "--cuts", "25", "--seed", "5"),
            *("--min-ms", "600", "--max-ms", "1800"),
            *("--check", f'{sys.executable} -c "{check}" {{mount}} {{acks}}'),
            *("--", sys.executable, script, "{mount}", "1"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_second_agent_on_the_same_ledger_is_refused(tmp_path: Path) -> None:
    """The refusal names the process that has it; a dead one holds nothing."""
    process = writer(tmp_path, 1)
    process.stdout.readline()
    with pytest.raises(LedgerError, match=f"another agent \\(process {process.pid}\\)"):
        open_ledger(tmp_path, SystemClock())
    process.kill()
    process.communicate()
    open_ledger(tmp_path, SystemClock()).close()


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    """The technician learns which folder."""
    with pytest.raises(LedgerError, match="nowhere is missing: make it") as caught:
        open_ledger(tmp_path / "nowhere", SystemClock())
    assert "\n" not in str(caught.value)


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """A partition that went read-only is named, and the lock is not left behind."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        open_ledger(disk, SystemClock(), ballast_bytes=4096).close()
        read_only(disk)
        with pytest.raises(LedgerError, match="cannot be written: Read-only") as caught:
            open_ledger(disk, SystemClock())
        assert "\n" not in str(caught.value)


class Parts:
    """Makes complete parts on a ledger, one batch each."""

    def __init__(self, ledger: Ledger, boot: int = 1) -> None:
        self.ledger = ledger
        self.boot = boot
        self.count = 0

    def write(self, count: int) -> list[Part]:
        parts = []
        batch = []
        for _ in range(count):
            self.count += 1
            trigger = Trigger(self.boot, self.count, self.count * 10**8)
            part = Part(self.ledger.sequencer.next(), trigger)
            outcome = GateOutcome(self.boot, self.count, OutcomeCode.REJECTED, 0)
            verdict = Verdict(part, VerdictKind.REJECT, model="m" * 100)
            batch += [OpenPart(part, 0), SetVerdict(verdict), SetOutcome(outcome)]
            parts.append(part)
        self.ledger.write(batch)
        return parts

    def write_on(self, count: int) -> None:
        """Write until that fails."""
        for _ in range(2000):
            self.write(count)


def test_a_full_disk_loses_nothing_and_recovers_by_itself(tmp_path: Path) -> None:
    """Unpublished rows are kept, what does not fit is refused, published rows make room."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        ledger = open_ledger(disk, ManualClock(), ballast_bytes=2 * 1024 * 1024)
        parts = Parts(ledger)
        with pytest.raises(LedgerError, match="free space on its disk"):
            parts.write_on(200)
        written = ledger.balance().triggers
        assert written > 1000
        assert len(ledger.unpublished(100_000)) == written  # nothing unpublished was deleted
        with pytest.raises(LedgerError, match="free space"):
            parts.write(200)
        assert not ledger.make_room()
        ledger.mark_published([row.seq for row in ledger.unpublished(written // 2)])
        parts.write(200)
        balance = ledger.balance()
        assert (balance.triggers, balance.holds) == (written + 200, True)
        assert len(ledger.unpublished(100_000)) == written + 200 - written // 2
        assert (disk / "ballast").stat().st_size == 2 * 1024 * 1024
        ledger.close()


def test_a_disk_full_of_other_things_recovers_when_they_go(tmp_path: Path) -> None:
    """Space that returns is used at once, without opening anything again."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        ledger = open_ledger(disk, ManualClock(), ballast_bytes=4096)
        parts = Parts(ledger)
        filler = fill(disk)
        with pytest.raises(LedgerError):
            parts.write_on(50)
        before = ledger.balance().triggers
        filler.unlink()
        parts.write(50)
        assert ledger.balance().triggers == before + 50
        ledger.close()


def can_inject() -> bool:
    """Tell whether strace may inject faults into a child of ours."""
    command = ["strace", "-qq", "-e", "inject=fdatasync:error=EIO:when=1", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("when", ["5", "5+"])
def test_a_failing_sync_is_written_again_by_id(tmp_path: Path, when: str) -> None:
    """EIO once: the batch comes again after reopening. Always: our error, no crash."""
    if not can_inject():
        pytest.skip("needs strace with the right to trace")
    inject = f"inject=fdatasync:error=EIO:when={when}"
    wal = str(tmp_path / f"{LEDGER}-wal")
    prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-P", wal, "-e", inject)
    process = writer(tmp_path, 1, "12", prefix=prefix)
    out, err = process.communicate(timeout=120)
    assert "disk I/O error" in out
    if when == "5":
        assert out.splitlines()[-1] == "done", err
    else:
        assert "LedgerError" in err
        assert "done" not in out
    compare(tmp_path, out.split("\n"))
    ledger = open_ledger(tmp_path, SystemClock())
    assert ledger.balance().holds
    ledger.close()


def filled(folder: Path, *, clean: bool = False) -> tuple[Ledger, list[Part]]:
    """Leave a ledger of 60 parts behind, 10 published, as after a crash or a clean stop."""
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    written = Parts(ledger).write(60)
    ledger.mark_published([part.seq for part in written[:10]])
    if clean:
        ledger.close()
    else:
        ledger._save_marks()
        abandon(ledger, folder)
    return ledger, written


def abandon(ledger: Ledger, folder: Path) -> None:
    """End a ledger as a kill would: its files stay as they are at this moment."""
    copies = folder.with_name(folder.name + "-copy")
    shutil.copytree(folder, copies)
    ledger.close()
    shutil.rmtree(folder)
    copies.rename(folder)


def flip(path: Path, where: float) -> None:
    """Flip one byte at a share of the file."""
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 0xFF
    path.write_bytes(content)


def cut(path: Path, share: float) -> None:
    """Cut a file down to a share of its length."""
    os.truncate(path, int(path.stat().st_size * share))


def edit(path: Path, statement: str) -> None:
    """Change rows past the ledger's own code: to SQLite the file stays sound."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def foreign(path: Path) -> None:
    """Put somebody else's database in the ledger's place."""
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()


def relabel(path: Path) -> None:
    """Give the database the mark of another application, with all its tables in place."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 1")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"not a database" * 1000), "is damaged"),
        (lambda path: flip(path, 0.0), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000), "is damaged"),
        (lambda path: cut(path, 0.5), "is damaged"),
        (lambda path: cut(path, 0.0), "lacks its tables"),
        (lambda path: path.unlink(), "is gone"),
        (foreign, "is no ledger of linewarden"),
        (relabel, "is no ledger of linewarden"),
        (lambda path: edit(path, "DELETE FROM meta"), "has lost its epoch"),
        (lambda path: edit(path, "UPDATE meta SET value = 'x'"), "has lost its epoch"),
        (lambda path: edit(path, "DELETE FROM tally WHERE name = 'PASS'"), "its running account"),
        (lambda path: edit(path, "UPDATE tally SET count = x'ff'"), "its running account"),
    ],
    ids=[
        *("text", "header", "pages", "truncated", "emptied", "gone", "foreign", "relabelled"),
        *("no-epoch", "other-epoch", "no-account", "no-counts"),
    ],
)
def test_a_damaged_ledger_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, damage, words: str
) -> None:
    """All its files move together, the epoch is new, numbers go on, an event says so."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    before, written = filled(folder, clean=True)
    marks = (folder / "sequence.json").read_text().replace('"clean":true', '"clean":false')
    (folder / "sequence.json").write_text(marks)
    damage(folder / LEDGER)
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    try:
        assert words in ledger.findings[0]
        assert ledger.epoch != before.epoch
        assert ledger.sequencer.next() > written[-1].seq
        assert ledger.balance().triggers == 0
        assert ledger.unpublished_events(1)[0].kind == "ledger_aside"
        (aside,) = folder.glob("aside-*")
        assert (aside / LEDGER).exists() or words == "is gone"
    finally:
        ledger.close()
    assert open_again(folder) == ()


def open_again(folder: Path) -> tuple[str, ...]:
    """Open and close a ledger; returns what was found wrong."""
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    ledger.close()
    return ledger.findings


def test_a_wal_that_lost_rows_is_noticed(tmp_path: Path) -> None:
    """SQLite says ok to a damaged -wal; the marks know better, and numbers go on above them."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    ledger = open_ledger(folder, ManualClock())
    parts = Parts(ledger)
    for _ in range(30):
        last = parts.write(2)[-1]
    ledger._save_marks()
    abandon(ledger, folder)
    flip(folder / f"{LEDGER}-wal", 0.5)
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    try:
        lost = ledger.balance().triggers
        assert 0 < lost < 60
        assert f"{last.seq} were recorded and are gone" in ledger.findings[0]
        assert ledger.unpublished_events(1)[0].kind == "ledger_gap"
        assert ledger.sequencer.next() > last.seq
    finally:
        ledger.close()


def test_rows_the_broker_has_got_are_not_sent_again_after_a_loss(tmp_path: Path) -> None:
    """Marks that a damaged -wal has lost come back from the small file."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    written = Parts(ledger).write(20)
    wal = (folder / f"{LEDGER}-wal").read_bytes()
    ledger.mark_published([part.seq for part in written[:10]])
    ledger._save_marks()
    abandon(ledger, folder)
    (folder / f"{LEDGER}-wal").write_bytes(wal)
    (folder / f"{LEDGER}-shm").unlink()
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    assert [row.seq for row in ledger.unpublished(1)] == [written[10].seq]
    ledger.close()


def test_damaged_marks_cost_numbers_and_nothing_else(tmp_path: Path) -> None:
    """Without the small file a whole block of numbers is left out."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    _, written = filled(folder)
    (folder / "sequence.json").write_text("{")
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    assert ledger.sequencer.next() > written[-1].seq + 1000
    assert ledger.balance().triggers == 60
    assert "sequence.json" in ledger.findings[0]
    ledger.close()


def test_a_newer_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Going back to an older version must not hide unpublished rows."""
    filled_folder = tmp_path / "ledger"
    filled_folder.mkdir()
    filled(filled_folder, clean=True)
    connection = sqlite3.connect(filled_folder / LEDGER)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match="newer linewarden"):
        open_ledger(filled_folder, ManualClock())
    assert not list(filled_folder.glob("aside-*"))


def test_a_crash_between_setting_aside_and_beginning_anew_is_settled(tmp_path: Path) -> None:
    """Marks of the old epoch beside a fresh database: only the numbers carry over."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    _, written = filled(folder)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    open_ledger(fresh, ManualClock(), ballast_bytes=4096).close()
    for suffix in ("-wal", "-shm"):
        (folder / (LEDGER + suffix)).unlink(missing_ok=True)
    shutil.copy(fresh / LEDGER, folder / LEDGER)
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    assert ledger.sequencer.next() > written[-1].seq
    assert ledger.findings == ()
    ledger.close()


def test_damage_found_while_running_begins_anew_on_reopening(tmp_path: Path) -> None:
    """The recorder reopens after an error; it never meets an exception that is not ours."""
    ledger, _ = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096), None
    parts = Parts(ledger)
    parts.write(300)
    ledger._writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    ledger._writer._connection.execute("PRAGMA cache_size = 0")
    content = bytearray((tmp_path / LEDGER).read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 2048] = b"\xee" * 2048
    (tmp_path / LEDGER).write_bytes(content)
    with pytest.raises(LedgerError):
        parts.write_on(20)
    epoch = ledger.epoch
    ledger.reopen()
    assert ledger.epoch != epoch
    parts.write(5)
    assert ledger.balance().triggers == 5
    ledger.close()


def test_words_that_are_none_of_ours_are_our_error(tmp_path: Path) -> None:
    """Damage that no checksum sees must not reach a lane as a ValueError."""
    ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)
    parts = Parts(ledger)
    first, second = parts.write(2)
    connection = sqlite3.connect(tmp_path / LEDGER, isolation_level=None)
    connection.execute("UPDATE part SET outcome = 'pased'")
    connection.close()
    with pytest.raises(LedgerError, match="pased"):
        ledger.unpublished(1)
    with pytest.raises(LedgerError, match="pased"):
        ledger.write([SetVerdict(Verdict(first, VerdictKind.PASS))])
    assert ledger.balance().triggers == 2
    assert ledger.backlog() == second.seq
    ledger.close()


def test_ledgers_set_aside_within_a_second_do_not_meet(tmp_path: Path) -> None:
    """Each goes into a folder of its own, by the hand-moved clock all at one time."""
    for _ in range(3):
        ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)
        Parts(ledger).write(1)
        ledger.close()
        (tmp_path / LEDGER).write_bytes(b"damage" * 1000)
        (tmp_path / "sequence.json").unlink()
    open_ledger(tmp_path, ManualClock(), ballast_bytes=4096).close()
    assert len(list(tmp_path.glob("aside-*/ledger.sqlite"))) == 3


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """A folder in the ledger's place is no damage to be set aside; the lock is let go."""
    (tmp_path / LEDGER).mkdir()
    for _ in range(2):
        with pytest.raises(LedgerError, match="cannot open the ledger"):
            open_ledger(tmp_path, ManualClock())


def test_a_small_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    """Without durable marks numbers might be used twice."""
    (tmp_path / "sequence.json").mkdir()
    with pytest.raises(LedgerError, match="cannot begin"):
        open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)


def test_marks_that_fail_while_running_stop_nothing(tmp_path: Path) -> None:
    """Rows go on under reserved numbers; the next start takes the end for a crash."""
    ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)
    (tmp_path / "sequence.json").unlink()
    (tmp_path / "sequence.json").mkdir()
    Parts(ledger).write(600)
    assert not ledger.extend_reservation()
    parts = Parts(ledger, boot=2)
    with pytest.raises(LedgerError):
        parts.write_on(100)
    assert ledger.balance().triggers == 1000
    (tmp_path / "sequence.json").rmdir()
    parts.write(100)
    assert ledger.extend_reservation()
    ledger.close()


def test_random_edits_never_raise_anything_but_our_error(tmp_path: Path) -> None:
    """Sixty edits of database and -wal: the ledger opens, works, and balances each time."""
    chance = random.Random(3)
    original = tmp_path / "original"
    original.mkdir()
    filled(original)
    for number in range(60):
        folder = tmp_path / f"edit-{number}"
        shutil.copytree(original, folder)
        for _ in range(chance.randint(1, 4)):
            path = folder / chance.choice([LEDGER, f"{LEDGER}-wal"])
            content = bytearray(path.read_bytes())
            if content:
                at = chance.randrange(len(content))
                content[at] = chance.randrange(256)
                path.write_bytes(content if chance.random() < 0.9 else content[:at])
        use(folder)
        shutil.rmtree(folder)


def use(folder: Path) -> None:
    """Open, write, publish; our own error is the only one allowed, and reopening heals it."""
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    parts = Parts(ledger, boot=2)
    try:
        try:
            parts.write(3)
        except LedgerError:
            ledger.reopen()
            parts.write(3)
        with contextlib.suppress(LedgerError):
            ledger.mark_published([row.seq for row in ledger.unpublished(100)])
        assert ledger.balance().triggers >= 3
    finally:
        ledger.close()
