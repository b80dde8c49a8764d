"""Slots under power cuts: before every step of every change, and on a real file system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.archive import parse_archive
from bundle.signature import Keyring
from bundle.slot_files import INCOMING
from bundle.slot_state import SlotState, floor
from bundle.slots import active_path, open_slots

ROOT = Path(__file__).resolve().parents[2]
PROBE = ROOT.parent / "shared" / "tools" / "powercut_probe.py"
CUTS = int(os.environ.get("LINEWARDEN_CUTS", "10"))
LIMIT_S = 60 + 30 * CUTS


class Scene:
    """A folder of slots brought to where a change begins, and the change."""

    def __init__(self, trust: Keyring, make: Callable[..., bytes], folder: Path) -> None:
        self.trust, self.make, self.folder = trust, make, folder
        self.folder.mkdir()

    def flash(self, release: int) -> Callable[[Path], None]:
        """Return the installing of a release and the switch to it."""
        data = self.make(release)

        def change(folder: Path) -> None:
            with open_slots(folder, self.trust) as slots:
                slots.install(data)
                slots.switch()

        return change

    def confirm(self, folder: Path) -> None:
        """End the probation well."""
        with open_slots(folder, self.trust) as slots:
            slots.confirm()

    def rollback(self, folder: Path) -> None:
        """Go back."""
        with open_slots(folder, self.trust) as slots:
            slots.rollback()

    def settle(self, folder: Path) -> None:
        """Start the device."""
        with open_slots(folder, self.trust) as slots:
            slots.settle()

    def with_releases(self, *releases: int) -> None:
        """Flash and confirm some releases."""
        for release in releases:
            self.flash(release)(self.folder)
            self.confirm(self.folder)

    def state(self, folder: Path) -> SlotState:
        """Return what is known, without putting anything right."""
        with open_slots(folder, self.trust) as slots:
            return slots.state


def first_model(scene: Scene) -> Callable[[Path], None]:
    """A new device gets its first model."""
    return scene.flash(1)


def second_model(scene: Scene) -> Callable[[Path], None]:
    """The free slot is empty."""
    scene.with_releases(1)
    return scene.flash(2)


def third_model(scene: Scene) -> Callable[[Path], None]:
    """The free slot has the way back in it, which goes."""
    scene.with_releases(1, 2)
    return scene.flash(3)


def confirming(scene: Scene) -> Callable[[Path], None]:
    """The probation ends well."""
    scene.with_releases(1)
    scene.flash(2)(scene.folder)
    return scene.confirm


def going_back(scene: Scene) -> Callable[[Path], None]:
    """The probation ends badly."""
    scene.with_releases(1)
    scene.flash(2)(scene.folder)
    return scene.rollback


def shadowing(scene: Scene) -> Callable[[Path], None]:
    """A model is put beside the one that judges."""
    scene.with_releases(1)
    data = scene.make(2)

    def change(folder: Path) -> None:
        with open_slots(folder, scene.trust) as slots:
            slots.install(data)
            slots.shadow()

    return change


def starting_with_leftovers(scene: Scene) -> Callable[[Path], None]:
    """The power went while flashing, and goes again while that is put right."""
    scene.with_releases(1, 2)
    with open_slots(scene.folder, scene.trust) as slots:
        slots.install(scene.make(3))
    for leftover in (scene.folder / "a" / INCOMING, scene.folder / "b" / ".model.lwb.7.tmp"):
        leftover.write_bytes(b"half a bun")
    return scene.settle


def starting_damaged(scene: Scene) -> Callable[[Path], None]:
    """The active bundle decayed, and the power goes while the other takes over."""
    scene.with_releases(1, 2)
    path = active_path(scene.folder)
    path.write_bytes(path.read_bytes()[:-1])
    return scene.settle


SCENES = (
    first_model, second_model, third_model, confirming, going_back, shadowing,
    starting_with_leftovers, starting_damaged,
)  # fmt: skip


def check_settled(scene: Scene, folder: Path, *, damaged: bool = False) -> SlotState:
    """Settle what was found: the active bundle is whole, trusted and was proven once.

    A power cut alone leaves nothing to complain of; only what was `damaged` before may be found.
    """
    with open_slots(folder, scene.trust) as slots:
        settled, again = slots.settle(), slots.settle()
    state = settled.state
    assert damaged or settled.findings == ()
    assert (again.state, again.findings) == (state, ())
    assert all(held.status != "staged" for held in state.slots.values())
    if state.judging is not None:
        assert state.judging.status in {"trial", "good"}
        archive = parse_archive(active_path(folder).read_bytes(), scene.trust)
        assert archive.title == state.judging.title
    assert not list(folder.rglob("*.tmp")) + list(folder.rglob(INCOMING))
    return state


@pytest.mark.parametrize("prepare", SCENES)
def test_power_may_go_before_every_step(prepare, trust, make_bundle, lossy, tmp_path):
    """Old or new, always whole; the floor rises with the confirmation only; then all works."""
    scene = Scene(trust, make_bundle, tmp_path / "base")
    change = prepare(scene)
    before = scene.state(scene.folder)
    done = lossy(change, copied(scene.folder, tmp_path / "done"))
    damaged = prepare is starting_damaged
    after = check_settled(scene, done.after("kept", tmp_path / "done-kept"), damaged=damaged)
    old, new = view(before), view(after)
    assert done.steps > 2
    assert (new[2] == old[2]) is (prepare is not confirming)
    for cut_at in range(1, done.steps + 1):
        disk = lossy(change, copied(scene.folder, tmp_path / f"{cut_at}"), cut_at)
        assert disk.dead
        for variant in disk.VARIANTS:
            left = disk.after(variant, tmp_path / f"{cut_at}-{variant}")
            state = check_settled(scene, left, damaged=damaged)
            assert view(state) in (fallen(old, prepare), new)
            again = scene.flash(50)
            if not (state.on_trial and state.previous):
                again(left)
                assert scene.state(left).judging.release == 50


@pytest.mark.parametrize("prepare", SCENES)
def test_what_is_done_stays_done(prepare, trust, make_bundle, lossy, tmp_path):
    """Once a change has returned, not even the least synced disk forgets it."""
    scene = Scene(trust, make_bundle, tmp_path / "base")
    change = prepare(scene)
    disk = lossy(change, copied(scene.folder, tmp_path / "done"))
    now = scene.state(disk.root)
    for variant in disk.VARIANTS:
        left = disk.after(variant, tmp_path / variant)
        assert scene.state(left) == now
        assert view(check_settled(scene, left)) == view(now)


def view(state: SlotState) -> tuple[object, ...]:
    """Return what a power cut must not mix: who judges, how, beside whom, and what is told of it.

    A deed stands there exactly when it was done.
    """
    held, beside = state.judging, state.shadowing
    done = tuple(f"{deed.number} {deed.kind} {deed.title}" for deed in state.deeds)
    floors = tuple(sorted(state.floors.items()))
    return (held and held.title, held and held.status, floors, beside and beside.title, done)


def fallen(old: tuple[object, ...], prepare: Callable[..., object]) -> tuple[object, ...]:
    """Return what stands for the old state: a damaged one is never gone back to."""
    if prepare is not starting_damaged:
        return old
    return ("scripted-1.0.1", "good", *old[2:4], (*old[4], "5 rolled_back scripted-1.0.2"))


def copied(folder: Path, target: Path) -> Path:
    """Copy the slots for one experiment."""
    shutil.copytree(folder, target)
    return target


# Flashes, confirms, flashes, goes back, and so on; prints each step once it has returned.
WRITER = """
import signal, sys
from pathlib import Path
from bundle.signature import read_keyring
from bundle.slots import open_slots

folder, made = Path(sys.argv[1]) / "slots", Path(sys.argv[2])
trust = read_keyring(made)
step = 0
def done(state):
    global step
    held = state.judging
    print(step, held.release, held.status, max(state.floors.values(), default=0), flush=True)
    step += 1
for path in sorted(made.glob("*.lwb")):
    data = path.read_bytes()
    with open_slots(folder, trust) as slots:
        slots.install(data)
        done(slots.switch())
    with open_slots(folder, trust) as slots:
        done(slots.confirm() if step % 4 == 1 else slots.rollback())
signal.pause()
"""


def expected(step: int) -> tuple[int | None, int]:
    """Return the release that judges and the floor after a step of the writer."""
    if step < 0:
        return None, 0
    first = step // 4 * 2 + 1
    confirmed = first if step % 4 else max(first - 2, 0)
    return (first + 1 if step % 4 == 2 else first), confirmed


def survived(mount: Path, lines: list[str], made: Path) -> None:
    """Judge a disk after a power cut: nothing promised is missing, nothing half is judged by."""
    from bundle.signature import read_keyring

    trust = read_keyring(made)
    steps = [line.split() for line in lines if line]
    for step, release, _, lowest in steps:
        assert expected(int(step)) == (int(release), int(lowest))
    with open_slots(mount / "slots", trust) as slots:
        settled = slots.settle()
    state = settled.state
    assert settled.findings == ()
    found = (state.judging and state.judging.release, floor(state, trust.trusted))
    # Lines may have been printed and not yet read when the power went.
    assert found in [expected(step) for step in range(len(steps) - 1, len(steps) + 4)]
    if state.judging is not None:
        archive = parse_archive(active_path(mount / "slots").read_bytes(), trust)
        assert archive.manifest.release == state.judging.release


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_slots_survive_power_cuts(tmp_path, make_bundle, trust):
    """An ext4 that forgets what was not synced; LINEWARDEN_CUTS=300 takes more of them."""
    if not PROBE.exists():
        pytest.skip("skipped: needs ../shared/tools/powercut_probe.py")
    can = subprocess.run([sys.executable, PROBE, "--can-run"], capture_output=True, check=False)
    if can.returncode:
        pytest.skip("needs root, loop devices and ext4")
    from deploy.keys import public_pem

    made = tmp_path / "made"
    made.mkdir()
    for key in trust.keys.values():
        (made / "office.pub").write_bytes(public_pem(key.public))
    for release in range(1, 41):
        (made / f"{release:03}.lwb").write_bytes(make_bundle(release))
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    check = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r},"
        f" {str(ROOT / 'tests' / 'support')!r}];"
        "from pathlib import Path; import test_slot_cuts as t;"
        "t.survived(Path(sys.argv[1]), Path(sys.argv[2]).read_text().splitlines(),"
        " Path(sys.argv[3]))"
    )
    done = subprocess.run(
        [
            *(sys.executable, PROBE, "--cuts", str(CUTS), "--seed", "7"),
            *("--min-ms", "500", "--max-ms", "2500"),
            *("--check", f'{sys.executable} -c "{check}" {{mount}} {{acks}} {made}'),
            *("--", sys.executable, script, "{mount}", made),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
